// POSIX sockets on Chrome's Direct Sockets, for stock Emscripten 6.0.5 and later:
//
//   emcc prog.c -sJSPI --js-library path/to/libdirectsockets.js
//   emcc prog.c -pthread -sPROXY_TO_PTHREAD --js-library path/to/libdirectsockets.js
//
// This file is the seam to Emscripten and nothing else. At link time it reads the ES modules in src/, takes their import
// and export lines off, and emits them as one closure, $DirectSockets; the syscalls below hand their arguments on. What
// they do is in src/, which is tested and type-checked as ordinary modules.

#if PTHREADS && !PROXY_TO_PTHREAD
// JSPI would suspend main() while it waits for a socket, but nothing can while it waits for a thread (pthread_join, a
// mutex): the event loop stands still then, and with it the sockets of all threads.
{{{ error('libdirectsockets.js keeps the sockets on the main runtime thread, whose event loop main() must not block: add -sPROXY_TO_PTHREAD to -pthread') }}}
#endif
#if !PTHREADS && ASYNCIFY != 2
{{{ error('libdirectsockets.js suspends the program while a call waits, which needs JSPI: add -sJSPI to the link command, or -pthread -sPROXY_TO_PTHREAD for a program with threads') }}}
#endif
#if WASMFS
{{{ error('libdirectsockets.js makes sockets streams of the JavaScript file system: link without -sWASMFS') }}}
#endif
#if USE_CLOSURE_COMPILER
{{{ error('libdirectsockets.js passes options to the browser by their names, which the Closure compiler changes: link without --closure') }}}
#endif
#if PROXY_POSIX_SOCKETS
{{{ error('libdirectsockets.js and -sPROXY_POSIX_SOCKETS are two implementations of the same calls: link without the latter') }}}
#endif

(() => {
  // Through a macro: under -sVERBOSE the file is run from a copy in a temporary directory. Relative to where emcc runs.
  const here = {{{ JSON.stringify(__dirname) }}};
  const source = (/^([a-z]:)?[\\/]/i.test(here) ? here : process.cwd() + '/' + here) + '/src/';

  /** Dependencies come before dependents: the text is concatenated. */
  const modules = [
    'abi.js', 'address.js', 'recent.js', 'own-address.js', 'datagram-queue.js', 'byte-queue.js', 'timers.js', 'attempt.js',
    'browser-errors.js', 'socket-base.js', 'udp-stripe.js', 'udp-multicast.js', 'udp-port.js', 'udp.js', 'tcp-reader.js',
    'tcp-writer.js', 'tcp-port.js', 'tcp-listener.js', 'tcp-lifecycle.js', 'tcp.js', 'channel.js', 'pair.js',
    'buffer-pool.js', 'memory.js', 'multicast-options.js', 'options.js', 'interfaces.js', 'interface-requests.js',
    'route-socket.js', 'descriptors.js', 'guarded.js', 'poll.js', 'epoll.js', 'stdin.js', 'stream-transfer.js',
    'option-calls.js', 'syscalls.js', 'addrinfo.js', 'addrinfo-memory.js', 'services.js', 'made-up-addresses.js',
    'dns-message.js', 'dns-resolver.js', 'resolvers.js', 'lookup-wait.js', 'names.js', 'suspendable.js', 'library.js',
#if ENVIRONMENT_MAY_BE_NODE
    'node/udp-socket.js', 'node/tcp-socket.js', 'node/tcp-server-socket.js', 'node/lookup.js', 'node/interfaces.js',
#endif
  ];

  const text = (name) => read(source + name)
    .replace(/^import [^;]*;\n/gm, '')
    .replace(/^export (?=(async )?(function|class|const|let) )/gm, '');

  // The numbers the modules use are those of this Emscripten's headers, or the link stops.
  const { CHECKED } = new Function(text('abi.js') + 'return { CHECKED };')();
  for (const [name, value] of Object.entries(CHECKED)) {
    if (cDefs[name] !== value) error(`libdirectsockets.js: ${name} is ${cDefs[name]} in this Emscripten, not ${value}`);
  }

  const bundle = modules.map(text).join('\n');
  // One scope for all: a name declared twice is found here rather than by the user's browser, but for functions, of which
  // the last one is taken (test/library.test.js looks for those).
  new Function(bundle);

  // What freeaddrinfo() of this Emscripten's libc frees besides the first result: addrinfo-memory.js.
  const firstAddressApart = /ai_addr/.test(read('../system/lib/libc/musl/src/network/freeaddrinfo.c'));

  /** Stock library functions that are overridden below and still serve whatever is no socket. */
  const stock = {};
  for (const name of ['fd_read', 'fd_write', '__syscall_ioctl']) {
    stock['$stock_' + name] = LibraryManager.library[name];
    stock['$stock_' + name + '__deps'] = [...(LibraryManager.library[name + '__deps'] ?? [])];
  }

  const heaps = ['$HEAP8', '$HEAPU8', '$HEAP16', '$HEAPU16', '$HEAP32', '$HEAPU32', '$HEAP64', '$HEAPU64']
    .filter((name) => name in LibraryManager.library);

  const library = {
    ...stock,

    // What a host needs to give the program files and an environment, whatever the program exports (docs/calls.md).
    $directSocketsHost: null,
    $directSocketsHost__deps: ['$FS', '$ENV'],
    $directSocketsHost__postset: `{ let host = Module['directSockets'] ??= {}; host['FS'] = FS; host['ENV'] = ENV; }`,

    $DirectSockets__deps: ['$FS', '$ENV', '$directSocketsHost', '$runtimeKeepalivePush', '$runtimeKeepalivePop', '$readI53FromI64',
      ...heaps],
    // After FS has opened the standard streams.
    $DirectSockets__postset: () => addAtPostCtor('DirectSockets.start();'),
    // With threads there is one, on the main runtime thread.
    $DirectSockets: `={{{ PTHREADS ? 'ENVIRONMENT_IS_PTHREAD ? undefined : ' : '' }}}(() => {
'use strict';
${bundle}
return createLibrary({
  FS,
  Module,
  debug: {{{ ASSERTIONS ? 'true' : 'false' }}},
  print: (text) => err(text),
  isNode: {{{ ENVIRONMENT_MAY_BE_NODE ? 'ENVIRONMENT_IS_NODE' : 'false' }}},
  environment: ENV,
  ownFiles: {{{ NODERAWFS ? 'false' : 'true' }}},
#if ENVIRONMENT_MAY_BE_NODE
  lookUpInNode: ENVIRONMENT_IS_NODE ? lookUpInNode : undefined,
  nodeInterfaces: ENVIRONMENT_IS_NODE ? nodeInterfaces : undefined,
  NodeUDPSocket: ENVIRONMENT_IS_NODE ? NodeUDPSocket : undefined,
  NodeTCPSocket: ENVIRONMENT_IS_NODE ? NodeTCPSocket : undefined,
  NodeTCPServerSocket: ENVIRONMENT_IS_NODE ? NodeTCPServerSocket : undefined,
#endif
#if PTHREADS
  canWait: () => !!PThread.currentProxiedOperationCallerThread,
  // -sPROXY_TO_PTHREAD keeps the runtime until main() returns or a thread calls exit(), which a wait must not hold up.
  keepRuntime() {},
  letRuntimeGo() {},
#else
  canWait: () => true,
  keepRuntime() { {{{ runtimeKeepalivePush() }}} },
  // emscripten_force_exit() has let go of everything before.
  letRuntimeGo() { if (runtimeKeepaliveCounter > 0) { {{{ runtimeKeepalivePop() }}} } },
#endif
  access: {
    bytes: () => HEAPU8,
    readPointer: (p) => {{{ makeGetValue('p', 0, '*') }}},
    readI16: (p) => {{{ makeGetValue('p', 0, 'i16') }}},
    readI32: (p) => {{{ makeGetValue('p', 0, 'i32') }}},
    readI64: (p) => {{{ makeGetValue('p', 0, 'i53') }}},
    writeI16: (p, value) => { {{{ makeSetValue('p', 0, 'value', 'i16') }}} },
    writeI32: (p, value) => { {{{ makeSetValue('p', 0, 'value', 'i32') }}} },
    writeI64: (p, value) => { {{{ makeSetValue('p', 0, 'value', 'i64') }}} },
    writeSize: (p, value) => { {{{ makeSetValue('p', 0, 'value', SIZE_TYPE) }}} },
    pointerSize: {{{ POINTER_SIZE }}},
    msghdr: {
      name: {{{ C_STRUCTS.msghdr.msg_name }}}, namelen: {{{ C_STRUCTS.msghdr.msg_namelen }}},
      iov: {{{ C_STRUCTS.msghdr.msg_iov }}}, iovlen: {{{ C_STRUCTS.msghdr.msg_iovlen }}},
      control: {{{ C_STRUCTS.msghdr.msg_control }}}, controllen: {{{ C_STRUCTS.msghdr.msg_controllen }}},
      flags: {{{ C_STRUCTS.msghdr.msg_flags }}},
    },
    addrinfo: {
      flags: {{{ C_STRUCTS.addrinfo.ai_flags }}}, family: {{{ C_STRUCTS.addrinfo.ai_family }}},
      socktype: {{{ C_STRUCTS.addrinfo.ai_socktype }}}, protocol: {{{ C_STRUCTS.addrinfo.ai_protocol }}},
      addrlen: {{{ C_STRUCTS.addrinfo.ai_addrlen }}}, addr: {{{ C_STRUCTS.addrinfo.ai_addr }}},
      canonname: {{{ C_STRUCTS.addrinfo.ai_canonname }}}, next: {{{ C_STRUCTS.addrinfo.ai_next }}},
      size: {{{ C_STRUCTS.addrinfo.__size__ }}}, firstAddressApart: ${firstAddressApart},
    },
  },
});
})()`,

    // Each returns a number, or a Promise when it has to wait: see suspendable.js. Each has as many parameters as its C signature, unused ones included: -sMEMORY64 converts pointers by position.
    __syscall_socket: (domain, type, protocol, u1, u2, u3) => DirectSockets.socket(domain, type, protocol),
    // Called by libc.c.
    __directsockets_socketpair__sig: 'iiiip',
    __directsockets_socketpair: (domain, type, protocol, fds) => DirectSockets.socketpair(domain, type, protocol, fds),
    __directsockets_descriptors__sig: 'ii',
    __directsockets_descriptors: (limit) => DirectSockets.limitDescriptors(limit),
    __syscall_bind: (fd, addr, len, u1, u2, u3) => DirectSockets.bind(fd, addr, len),
    __syscall_connect: (fd, addr, len, u1, u2, u3) => DirectSockets.connect(fd, addr, len),
    __syscall_listen: (fd, backlog, u1, u2, u3, u4) => DirectSockets.listen(fd, backlog),
    __syscall_accept4: (fd, addr, len, flags, u1, u2) => DirectSockets.accept4(fd, addr, len, flags),
    __syscall_getsockname: (fd, addr, len, u1, u2, u3) => DirectSockets.getsockname(fd, addr, len),
    __syscall_getpeername: (fd, addr, len, u1, u2, u3) => DirectSockets.getpeername(fd, addr, len),
    __syscall_sendto: (fd, buf, len, flags, addr, alen) => DirectSockets.sendto(fd, buf, len, flags, addr, alen),
    __syscall_recvfrom: (fd, buf, len, flags, addr, alen) => DirectSockets.recvfrom(fd, buf, len, flags, addr, alen),
    __syscall_sendmsg: (fd, msg, flags, u1, u2, u3) => DirectSockets.sendmsg(fd, msg, flags),
    __syscall_recvmsg: (fd, msg, flags, u1, u2, u3) => DirectSockets.recvmsg(fd, msg, flags),
    __syscall_getsockopt: (fd, level, name, val, len, u1) => DirectSockets.getsockopt(fd, level, name, val, len),
    __syscall_setsockopt: (fd, level, name, val, len, u1) => DirectSockets.setsockopt(fd, level, name, val, len),
    __syscall_shutdown: (fd, how, u1, u2, u3, u4) => DirectSockets.shutdown(fd, how),

    __syscall_poll: (fds, nfds, timeout) => DirectSockets.poll(fds, nfds, timeout),
    // poll() with a timeout of 0 comes here.
    __syscall_poll_nonblocking: (fds, nfds) => DirectSockets.probe(fds, nfds),

    __syscall_epoll_create1: (flags) => DirectSockets.epollCreate(flags),
    __syscall_epoll_ctl: (epfd, op, fd, event) => DirectSockets.epollControl(epfd, op, fd, event),
    __syscall_epoll_pwait: (epfd, events, max, timeout, u1, u2) => DirectSockets.epollWait(epfd, events, max, timeout),

    getaddrinfo__deps: ['$DirectSockets', 'malloc'],
    getaddrinfo: (node, service, hints, result) => DirectSockets.getaddrinfo(node, service, hints, result, _malloc),
    // libc's gethostbyname() comes here, and its gethostbyaddr() to getnameinfo().
    _emscripten_lookup_name: (name) => DirectSockets.lookupName(name),
    getnameinfo: (addr, len, host, hostlen, serv, servlen, flags) =>
      DirectSockets.getnameinfo(addr, len, host, hostlen, serv, servlen, flags),
  };

  // Later Emscriptens come here with a timeout of 0.
  if ('__syscall_epoll_pwait_nonblocking' in LibraryManager.library) {
    library.__syscall_epoll_pwait_nonblocking = (epfd, events, max) => DirectSockets.epollWait(epfd, events, max, 0);
  }

#if !PTHREADS
  // exit() in a signal handler or another callback ends the program, whatever main() waits for.
  library.$DirectSockets__deps.push('exit');
  library.$DirectSockets__postset = () => {
    addAtPostCtor('DirectSockets.start();');
    return '{ let exitNow = _exit; _exit = (status) => { DirectSockets.abandonWaits(); exitNow(status); }; }';
  };
#endif

#if SYSCALLS_REQUIRE_FILESYSTEM
  Object.assign(library, {
    fd_read__deps: ['$FS', '$DirectSockets', '$stock_fd_read'],
    fd_read: (fd, iov, iovcnt, pnum) => {
      var stream = FS.getStream(fd);
      if (stream?.node?.socket) return DirectSockets.readv(stream, iov, iovcnt, pnum);
      if (stream?.node?.stdin) return DirectSockets.readStdin(stream, iov, iovcnt, pnum);
      return stock_fd_read(fd, iov, iovcnt, pnum);
    },
    // printf() comes here: a program without sockets does not get the library for it.
    fd_write__deps: ['$FS', '$stock_fd_write', '$directSocketsHost'],
    fd_write: (fd, iov, iovcnt, pnum) => {
      var stream = FS.getStream(fd);
      if (stream?.node?.socket) return DirectSockets.writev(stream, iov, iovcnt, pnum);
      return stock_fd_write(fd, iov, iovcnt, pnum);
    },
    // isatty() comes here, of a program without sockets too.
    __syscall_ioctl__deps: ['$FS', '$stock___syscall_ioctl', '$directSocketsHost'],
    __syscall_ioctl: (fd, op, varargs) => {
      if (FS.getStream(fd)?.node?.socket && DirectSockets.isInterfaceRequest(op)) {
        return DirectSockets.requestInterface(fd, op, {{{ makeGetValue('varargs', 0, '*') }}});
      }
      return stock___syscall_ioctl(fd, op, varargs);
    },
  });
#endif

#if PTHREADS
  // A call runs on the main runtime thread in two steps, as in suspendable.js: the attempt, and only if that has to wait, the
  // wait, during which Emscripten keeps the calling thread asleep until the Promise is settled. The attempt alone is
  // also served while the main runtime thread waits for a lock that the caller holds: exit() flushes stdio there.
  const WAIT = -0x80000000;
  Object.assign(library, {
    $threadWaits: 'new Map()',
    $attemptForThread__deps: ['$PThread', '$threadWaits'],
    $attemptForThread: eval(`(value) => {
      if (typeof value == 'number') return value;
      threadWaits.set(PThread.currentProxiedOperationCallerThread, value);
      return ${WAIT};
    }`),
    directsockets_wait__deps: ['$PThread', '$threadWaits'],
    directsockets_wait__proxy: 'sync',
    directsockets_wait__async: true,
    directsockets_wait: () => {
      var thread = PThread.currentProxiedOperationCallerThread;
      var promise = threadWaits.get(thread);
      threadWaits.delete(thread);
      // When the program exits its sockets are closed, which ends all waits: there is no one left to answer then.
      return promise.then((result) => (ABORT ? new Promise(() => {}) : result));
    },
  });

  /** `directsockets_NAME`, on the main runtime thread, does what the import NAME did. */
  const onMainThread = (name) => {
    const parameters = Array.from({ length: library[name].length }, (_, index) => `a${index}`).join(', ');
    const there = `directsockets_${name.replace(/^__(syscall|directsockets)_/, '')}`;
    library[there] = eval(`(${parameters}) => attemptForThread((${library[name]})(${parameters}))`);
    library[there + '__deps'] = ['$attemptForThread', ...library[name + '__deps']];
    library[there + '__proxy'] = 'sync';
    library[name] = eval(`(${parameters}) => {
      var value = _${there}(${parameters});
      return value == ${WAIT} ? _directsockets_wait() : value;
    }`);
    library[name + '__deps'] = [there, 'directsockets_wait'];
    library[name + '__proxy'] = 'none';
  };
#endif

  for (const name of Object.keys(library)) {
    if (!/^(__(syscall|directsockets)_|fd_|get|_emscripten_)/.test(name) || /__(deps|sig)$/.test(name)) continue;
    library[name + '__deps'] ??= ['$DirectSockets'];
    // Not Emscripten's way of suspending, of which the stock poll() has the mark.
    library[name + '__async'] = false;
#if PTHREADS
    onMainThread(name);
#else
    const signature = library[name + '__sig'] ?? LibraryManager.library[name + '__sig'];
    // A lookup has an answer where nothing can suspend.
    const catches = !/^(__(syscall|directsockets)_|fd_)/.test(name);
    // Those that a program without sockets has too.
    const isOthersToo = name === 'fd_write' || name === '__syscall_ioctl';
    const suspendable = `_${name} = ` +
      `DirectSockets.makeSuspendable(_${name}, '${signature}', {{{ MEMORY64 ? 'true' : 'false' }}}, ${catches});`;
    library[name + '__postset'] =
      isOthersToo ? `if (typeof DirectSockets != 'undefined') { ${suspendable} }` : suspendable;
#endif
  }

#if !NODERAWFS
  // Emscripten's programs are root, who has no right here that others have not. Servers take it for a reason to become
  // another user, whom they do not find, or to refuse to start.
  for (const id of ['getuid32', 'geteuid32', 'getgid32', 'getegid32']) library[`__syscall_${id}`] = () => 1000;
#endif

  addToLibrary(library);
  // Emscripten's own still, with what it depends on.
  for (const name of Object.keys(stock)) LibraryManager.library[name + '__user'] = false;
})();
