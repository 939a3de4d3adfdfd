// Puts the parts together for one Emscripten module: what libdirectsockets.js calls. It owns the choice of the UDPSocket
// class and everything that is once per module.
import { EACCES, EOPNOTSUPP } from './abi.js';
import { makeAttempter } from './attempt.js';
import { ChannelSocket, FIRST_CHANNEL } from './channel.js';
import { makeDescriptors } from './descriptors.js';
import { makeDnsResolver } from './dns-resolver.js';
import { makeEpoll } from './epoll.js';
import { isInterfaceRequest } from './interface-requests.js';
import { browserInterfaces } from './interfaces.js';
import { MadeUpAddresses } from './made-up-addresses.js';
import { Memory } from './memory.js';
import { makeNames } from './names.js';
import { stripesFrom } from './options.js';
import { OwnAddresses } from './own-address.js';
import { makePoll } from './poll.js';
import { Recent } from './recent.js';
import { makeBrowserResolver } from './resolvers.js';
import { makeServices } from './services.js';
import { installStdin } from './stdin.js';
import { makeSuspendable } from './suspendable.js';
import { makeSyscalls } from './syscalls.js';
import { chooseLater, chooseSleeper, makeTimers } from './timers.js';
import { TcpSocket } from './tcp.js';
import { tcpDrained } from './tcp-port.js';
import { Capacity } from './tcp-writer.js';
import { UdpSocket } from './udp.js';
import { drained } from './udp-port.js';

/**
 * @typedef {object} Host
 * @property {any} FS
 * @property {import('./memory.js').MemoryAccess} access
 * @property {{ directSockets?: ModuleOptions, stdinStream?: ReadableStream<Uint8Array> }} Module
 * @property {boolean} isNode
 * @property {boolean} debug say on the console why a call failed
 * @property {(text: string) => void} print to the console
 * @property {Record<string, string>} environment the program's, as it was at its start
 * @property {boolean} ownFiles FS holds the program's own files, not the machine's
 * @property {import('./dns-resolver.js').Resolver} [lookUpInNode] outside Node there is none, as of the next four
 * @property {() => Promise<import('./interfaces.js').Interface[]>} [nodeInterfaces]
 * @property {UDPSocketClass} [NodeUDPSocket]
 * @property {TCPSocketClass} [NodeTCPSocket]
 * @property {TCPServerSocketClass} [NodeTCPServerSocket]
 * @property {() => boolean} canWait whether the caller of the running call can be made to wait
 * @property {() => void} keepRuntime
 * @property {() => void} letRuntimeGo
 */

/**
 * @typedef {object} ModuleOptions
 * @property {number} [stripes] default of the socket option DS_STRIPES
 * @property {UDPSocketClass} [UDPSocket] used instead of the browser's
 * @property {TCPSocketClass} [TCPSocket]
 * @property {TCPServerSocketClass} [TCPServerSocket]
 * @property {boolean} [allowed] false: the app's policy has no Direct Sockets, which only its page can know
 * @property {import('./dns-resolver.js').DnsOptions} [dns] used instead of the platform's resolver
 * @property {import('./channel.js').Channel[]} [channels] to the program's descriptors from 3 on
 * @property {() => Promise<void>} [drained] set by the library: resolves once every accepted datagram and byte is on its way
 */

/** Environment variable: what `directSockets.dns.server` or `directSockets.dns.https` would be. */
const DNS_VARIABLE = 'DIRECTSOCKETS_DNS';

/** @param {string | undefined} value @returns {import('./dns-resolver.js').DnsOptions | undefined} */
function dnsFrom(value) {
  if (!value) return undefined;
  return /^https?:/.test(value) ? { https: value } : { server: value };
}

/** @param {Host} host */
export function createLibrary({
  FS, access, Module, isNode, debug, print, environment, ownFiles, lookUpInNode, nodeInterfaces, NodeUDPSocket,
  NodeTCPSocket, NodeTCPServerSocket, canWait, keepRuntime, letRuntimeGo,
}) {
  const options = Module.directSockets ??= {};
  options.drained ??= async () => void await Promise.all([drained(), tcpDrained()]);

  const said = new Set();
  const say = (/** @type {string} */ text) => {
    // One line for one cause: a server that tries a hundred ports would fill the console.
    if (said.has(text)) return;
    said.add(text);
    print(`directsockets: ${text}`);
  };
  const explain = debug ? say : () => {};

  const { hold, release } = makeHold(isNode);
  const timers = makeTimers(chooseSleeper({ isNode }), () => performance.now(), chooseLater({ isNode }));
  let waits = 0;
  let abandoned = false;
  const attempter = makeAttempter({
    timers,
    canWait() {
      if (canWait()) return true;
      explain('a call would have to wait on the main runtime thread, whose event loop brings what it waits for: it did ' +
        'not wait. Call it from a thread');
      return false;
    },
    isAbandoned: () => abandoned,
    hold() {
      waits++;
      keepRuntime();
      hold();
    },
    release() {
      // abandonWaits() has let it go already.
      if (waits === 0) return;
      waits--;
      letRuntimeGo();
      release();
    },
  });

  /**
   * @template T
   * @param {'UDPSocket' | 'TCPSocket' | 'TCPServerSocket'} name
   * @param {T | undefined} forNode
   * @returns {T}
   */
  function choose(name, forNode) {
    if (options.allowed === false) {
      explain('socket: EACCES: the app\'s manifest needs "direct-sockets" in permissions_policy');
      throw EACCES;
    }
    const chosen = options[name] ?? /** @type {any} */ (globalThis)[name] ?? forNode;
    if (chosen) return chosen;
    explain(`socket: EOPNOTSUPP: this context has no ${name}. Direct Sockets exist in Isolated Web Apps whose manifest ` +
      'has "direct-sockets" and "cross-origin-isolated" in permissions_policy, and in dedicated workers of those; ' +
      'ordinary pages do not have them');
    throw EOPNOTSUPP;
  }

  const udpClass = () => choose('UDPSocket', NodeUDPSocket);
  const ownAddresses = new OwnAddresses(udpClass);
  const madeUp = new MadeUpAddresses();
  const services = makeServices(FS, ownFiles);
  /** @type {import('./dns-resolver.js').Resolver | undefined} */
  let resolver;
  /** Made at the first lookup: until then the program may set up its environment. */
  function chooseResolver() {
    const dns = options.dns ?? dnsFrom(environment[DNS_VARIABLE]);
    if (dns) return makeDnsResolver(dns, { udp: udpClass, tcp: () => choose('TCPSocket', NodeTCPSocket), timers, explain });
    return lookUpInNode ?? makeBrowserResolver(udpClass, explain);
  }

  // One for all connections: the pipe's capacity is the browser's.
  const capacity = new Capacity();
  /** @type {import('./tcp-lifecycle.js').TcpPlatform} */
  const tcpPlatform = {
    clients() {
      const TCPSocket = choose('TCPSocket', NodeTCPSocket);
      return { TCPSocket, capacity: TCPSocket.lossless ? undefined : capacity };
    },
    servers: () => choose('TCPServerSocket', NodeTCPServerSocket),
    madeUp,
    ownAddresses,
    timers,
    say,
    explain,
  };

  const memory = new Memory(access);
  const descriptors = makeDescriptors(FS, access);
  const { poll, probe } = makePoll(FS, access, attempter);
  const syscalls = makeSyscalls({
    memory,
    descriptors,
    attempter,
    createTcp(family, queue) {
      // An ordinary page is told at once, as with UDP.
      tcpPlatform.clients();
      return new TcpSocket({ family, queue, platform: tcpPlatform });
    },
    createUdp(family, queue) {
      const UDPSocket = udpClass();
      return new UdpSocket({
        family, queue, UDPSocket, stripes: stripesFrom(options.stripes), say, explain,
        addressBehind: (ip, onKnown) => madeUp.behind(ip, onKnown),
        ownAddress: (peer) => ownAddresses.towards(peer, queue),
        giveBack: (data) => memory.buffers.give(data),
      });
    },
    interfaces: new Recent(nodeInterfaces ?? (() => browserInterfaces(udpClass))),
  });

  return {
    ...syscalls,
    isInterfaceRequest,
    ...makeNames({ memory, attempter, resolver: () => resolver ??= chooseResolver(), services, madeUp }),
    poll,
    probe,
    ...makeEpoll(FS, memory, attempter),
    makeSuspendable,
    /** RLIMIT_NOFILE, of files and pipes too. @param {number} limit the lowest number that no descriptor gets */
    limitDescriptors(limit) {
      FS.MAX_OPEN_FDS = limit - 1;
      return 0;
    },
    /** The program ends: no wait holds it up, and none returns to it. */
    abandonWaits() {
      abandoned = true;
      for (; waits > 0; waits--) {
        letRuntimeGo();
        release();
      }
    },
    /** Once, when FS is up. */
    start() {
      services.install();
      if (Module.stdinStream) installStdin(FS, access, Module.stdinStream);
      (options.channels ?? []).forEach((channel, index) => {
        const fd = FIRST_CHANNEL + index;
        if (FS.getStream(fd)) throw new Error(`directSockets.channels: descriptor ${fd} is open before the program starts`);
        descriptors.open((queue) => new ChannelSocket({ queue, platform: tcpPlatform, channel }), 0, fd);
      });
    },
  };
}

/**
 * Node ends a process whose event loop holds nothing but promises. A timer that never fires holds it while a call
 * waits; sockets do not, so that a program that has returned from main ends although it left one open.
 * @param {boolean} isNode
 */
function makeHold(isNode) {
  if (!isNode) return { hold() {}, release() {} };
  let waiting = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let anchor;
  return {
    hold() {
      if (++waiting > 1) return;
      anchor ??= setInterval(() => {}, 0x7fffffff);
      anchor.ref();
    },
    release() {
      if (--waiting === 0) anchor?.unref();
    },
  };
}
