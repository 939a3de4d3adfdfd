/** What `socket-iwa` exports, on Node: the same as index.js, with the same types. */
import { checkNodeSupport } from './check-support.js';
import { nodePlatform } from './node-platform.js';
import { connectOn, listenOn } from './tcp.js';
import { bindUdpOn } from './udp.js';

export { ProgramError } from './program-error.js';
export { runProgram } from './node-run-program.js';
export { GatewayError, ServerError, startServer } from './server-node.js';
export { SocketError } from './socket-error.js';

/** @type {typeof import('./socket-iwa.d.ts').connect} */
export const connect = async (options) => connectOn(nodePlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').listen} */
export const listen = async (options = {}) => listenOn(nodePlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').bindUdp} */
export const bindUdp = async (options = {}) => bindUdpOn(nodePlatform(), options);

/** @type {typeof import('./socket-iwa.d.ts').checkSupport} */
export const checkSupport = checkNodeSupport;
