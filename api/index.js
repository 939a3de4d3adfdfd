/** What `socket-iwa` exports, in a browser: each is one module with what it needs, and nothing is done by importing it. */
import { checkBrowserSupport } from './check-support.js';
import { browserPlatform } from './platform.js';
import { connectOn, listenOn } from './tcp.js';
import { bindUdpOn } from './udp.js';

export { ProgramError } from './program-error.js';
export { runProgram } from './run-program.js';
export { GatewayError, ServerError, startServer } from './server-browser.js';
export { SocketError } from './socket-error.js';

/** @type {typeof import('./socket-iwa.d.ts').connect} */
export const connect = async (options) => connectOn(browserPlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').listen} */
export const listen = async (options = {}) => listenOn(browserPlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').bindUdp} */
export const bindUdp = async (options = {}) => bindUdpOn(browserPlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').checkSupport} */
export const checkSupport = checkBrowserSupport;
