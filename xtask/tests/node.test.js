import { testRuntime } from './runtime.js';

testRuntime('node');
