// The numbers of Emscripten's C ABI that the library uses: errno, socket constants, poll flags. Every other module takes
// them from here. libdirectsockets.js compares CHECKED with Emscripten's own table at link time; the rest are not in
// that table and are compared with the C headers by test/library.test.js.

// Emscripten numbers errno as WASI does, not as Linux does.
export const EACCES = 2;
export const EADDRINUSE = 3;
export const EADDRNOTAVAIL = 4;
export const EAFNOSUPPORT = 5;
export const EAGAIN = 6;
export const EALREADY = 7;
export const EBADF = 8;
export const ECONNABORTED = 13;
export const ECONNREFUSED = 14;
export const ECONNRESET = 15;
export const EDESTADDRREQ = 17;
export const EDOM = 18;
export const EEXIST = 20;
export const EFAULT = 21;
export const EHOSTUNREACH = 23;
export const EINPROGRESS = 26;
export const EINVAL = 28;
export const EIO = 29;
export const EISCONN = 30;
export const ELOOP = 32;
export const EMFILE = 33;
export const EMSGSIZE = 35;
export const ENETDOWN = 38;
export const ENETUNREACH = 40;
export const ENOBUFS = 42;
export const ENODEV = 43;
export const ENOENT = 44;
export const ENOPROTOOPT = 50;
export const ENOTCONN = 53;
export const ENOTSOCK = 57;
export const ENOTTY = 59;
export const EOPNOTSUPP = 138;
export const EPERM = 63;
export const EPIPE = 64;
export const EPROTONOSUPPORT = 66;
export const ETIMEDOUT = 73;
export const ESOCKTNOSUPPORT = 137;

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 2048;
export const SOCK_CLOEXEC = 524288;

export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_DROP_MEMBERSHIP = 36;
export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_JOIN_GROUP = 20;
export const IPV6_LEAVE_GROUP = 21;
export const MCAST_JOIN_GROUP = 42;
export const MCAST_LEAVE_GROUP = 45;

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 2048;
export const S_IFIFO = 4096;
export const S_IFDIR = 16384;
export const S_IFSOCK = 49152;
export const FIONREAD = 21531;
export const FIONBIO = 21537;
export const SIOCGIFNAME = 0x8910;
export const SIOCGIFCONF = 0x8912;
export const SIOCGIFFLAGS = 0x8913;
export const SIOCGIFADDR = 0x8915;
export const SIOCGIFBRDADDR = 0x8919;
export const SIOCGIFNETMASK = 0x891b;
export const SIOCGIFMTU = 0x8921;
export const SIOCGIFHWADDR = 0x8927;
export const SIOCGIFINDEX = 0x8933;

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;
export const POLLRDNORM = 64;
export const POLLWRNORM = 256;
export const POLLWRBAND = 512;
export const POLLRDHUP = 8192;
/** What poll() says of a socket with data, and of one with room. */
export const READABLE = POLLIN | POLLRDNORM;
export const WRITABLE = POLLOUT | POLLWRNORM | POLLWRBAND;

// The rest of EPOLL* are POLL*.
export const EPOLLEXCLUSIVE = 1 << 28;
export const EPOLLWAKEUP = 1 << 29;
export const EPOLLONESHOT = 1 << 30;
export const EPOLLET = 0x80000000;
export const EPOLL_CLOEXEC = 524288;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_REUSEPORT = 15;
export const SO_LINGER = 13;
export const SO_ACCEPTCONN = 30;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
// musl has one pair for a 32-bit long and another for a 64-bit one.
export const SO_RCVTIMEO_LONG32 = 66;
export const SO_SNDTIMEO_LONG32 = 67;
export const SO_RCVTIMEO_LONG64 = 20;
export const SO_SNDTIMEO_LONG64 = 21;

// Private options of this library: see docs/calls.md.
export const SOL_DIRECTSOCKETS = 0x4453;
export const DS_STRIPES = 1;
export const DS_DROPS = 2;

export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_MORE = 0x8000;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

export const AI_PASSIVE = 0x1;
export const AI_CANONNAME = 0x2;
export const AI_NUMERICHOST = 0x4;
export const AI_V4MAPPED = 0x8;
export const AI_ALL = 0x10;
export const AI_ADDRCONFIG = 0x20;
export const AI_NUMERICSERV = 0x400;

export const NI_NUMERICHOST = 0x1;
export const NI_NUMERICSERV = 0x2;
export const NI_NOFQDN = 0x4;
export const NI_NAMEREQD = 0x8;
export const NI_DGRAM = 0x10;

// What getaddrinfo() and getnameinfo() return.
export const EAI_BADFLAGS = -1;
export const EAI_NONAME = -2;
export const EAI_AGAIN = -3;
export const EAI_FAIL = -4;
export const EAI_NODATA = -5;
export const EAI_FAMILY = -6;
export const EAI_SOCKTYPE = -7;
export const EAI_SERVICE = -8;
export const EAI_ADDRFAMILY = -9;
export const EAI_MEMORY = -10;
export const EAI_OVERFLOW = -12;

/** Names that stand in Emscripten's generated table of C constants too, under the same name. */
export const CHECKED = {
  EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EALREADY, EBADF, ECONNABORTED, ECONNREFUSED, ECONNRESET,
  EDESTADDRREQ, EDOM, EEXIST, EFAULT, EHOSTUNREACH, EINPROGRESS, EINVAL, EIO, EISCONN, ELOOP, EMFILE, EMSGSIZE, ENODEV, ENOENT,
  EPERM, ETIMEDOUT,
  ENETDOWN, ENETUNREACH, ENOBUFS, ENOPROTOOPT, ENOTCONN, ENOTSOCK, ENOTTY, EOPNOTSUPP, EPIPE, EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  AF_UNSPEC, AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC, IPPROTO_TCP, IPPROTO_UDP,
  IPPROTO_IPV6, IPV6_V6ONLY, O_RDONLY, O_RDWR, O_NONBLOCK, S_IFIFO, S_IFDIR, S_IFSOCK, FIONREAD, FIONBIO, POLLIN,
  POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLWRNORM, POLLRDHUP, SOL_SOCKET, SO_ERROR, MSG_PEEK,
  AI_PASSIVE, AI_CANONNAME, AI_NUMERICHOST, AI_V4MAPPED, AI_ALL, AI_ADDRCONFIG, AI_NUMERICSERV, NI_NUMERICHOST,
  NI_NAMEREQD, EAI_BADFLAGS, EAI_NONAME, EAI_FAMILY, EAI_SOCKTYPE, EAI_SERVICE, EAI_OVERFLOW,
};

/** Names that only the C headers have. */
export const UNCHECKED = {
  SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX,
  AF_UNIX, AF_NETLINK, POLLWRBAND, SO_REUSEADDR, SO_TYPE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_LINGER, SO_ACCEPTCONN, SO_PROTOCOL,
  SO_DOMAIN, MSG_OOB, MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL, MSG_ERRQUEUE, MSG_MORE, SHUT_RD, SHUT_WR, SHUT_RDWR,
  TCP_NODELAY, TCP_KEEPIDLE, SOCK_RAW, SOCK_SEQPACKET, NI_NUMERICSERV, NI_NOFQDN, NI_DGRAM, EAI_AGAIN, EAI_FAIL, EAI_NODATA,
  EAI_ADDRFAMILY, EAI_MEMORY,
  SO_REUSEPORT, IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP,
  MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP,
  EPOLLEXCLUSIVE, EPOLLWAKEUP, EPOLLONESHOT, EPOLLET, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD,
  SO_RCVTIMEO: SO_RCVTIMEO_LONG32, SO_SNDTIMEO: SO_SNDTIMEO_LONG32,
};

/** Errno by name, for errors that carry a `code` (Node's do; the browser's carry none). */
export const ERRNO_BY_CODE = {
  EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNABORTED, ECONNREFUSED, ECONNRESET, EINVAL, EMSGSIZE, ENETDOWN,
  ENETUNREACH, ENODEV, ETIMEDOUT, EPERM: EACCES, EHOSTUNREACH, ENOTFOUND: EHOSTUNREACH, EAI_AGAIN: EHOSTUNREACH,
};
