// Runs bare.js on Node, over the classes that give Node Direct Sockets: `node bare-node.mjs MODE ARGS`.
import { NodeTCPServerSocket } from '../../emscripten-lib/src/node/tcp-server-socket.js';
import { NodeTCPSocket } from '../../emscripten-lib/src/node/tcp-socket.js';
import { NodeUDPSocket } from '../../emscripten-lib/src/node/udp-socket.js';
import createModule from './bare.js';

// Sockets do not keep Node running; the work does, until whoever wants it has gone.
const work = setInterval(() => {}, 1000);
process.stdin.on('end', () => process.exit(1)).resume();
await createModule({
  arguments: process.argv.slice(2),
  print: (line) => console.log(line),
  onExit: (code) => {
    clearInterval(work);
    process.exitCode = code;
    process.exit();
  },
  platform: /** @type {any} */ ({
    UDPSocket: NodeUDPSocket, TCPSocket: NodeTCPSocket, TCPServerSocket: NodeTCPServerSocket,
  }),
});
