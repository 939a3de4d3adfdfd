import { testRuntime } from './runtime.js';

testRuntime('native');
