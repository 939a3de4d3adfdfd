// TCP: connections and what the calls say of them in each state.
#include "conformance.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

static int tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  return fd;
}

// A listening socket on a free port of the loopback interface.
static int listening(void) {
  int fd = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  must(listen(fd, 8), "listen");
  return fd;
}

typedef struct {
  int client, server;
} Pair;

static Pair connected_through(int listener) {
  Pair pair = {.client = tcp()};
  Address address = local(listener);
  must(connect(pair.client, &address.any, address.length), "connect");
  pair.server = accept(listener, NULL, NULL);
  must(pair.server, "accept");
  timeout(pair.client, SO_RCVTIMEO, 10000);
  timeout(pair.server, SO_RCVTIMEO, 10000);
  return pair;
}

static Pair connected(void) {
  int listener = listening();
  Pair pair = connected_through(listener);
  close(listener);
  return pair;
}

static void finish(Pair pair) {
  close(pair.client);
  close(pair.server);
}

// A port of the loopback interface on which nobody listens.
static Address nobody(void) {
  int fd = listening();
  Address address = local(fd);
  close(fd);
  return address;
}

static int so_error(int fd) {
  int value = -1;
  socklen_t length = sizeof value;
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length), "SO_ERROR");
  return value;
}

static const char *error_name(int number) {
  if (number == 0) return "none";
  errno = number;
  return outcome(-1);
}

static const char *polled(int fd, short wanted, int ms) {
  struct pollfd entry = {.fd = fd, .events = wanted};
  must(poll(&entry, 1, ms), "poll");
  return events(entry.revents);
}

static void nonblocking(int fd) { must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl"); }

// Resets the connection that `fd` is one end of.
static void reset(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), "SO_LINGER");
  close(fd);
}

static void put(int fd, const char *text) { must(send(fd, text, strlen(text), MSG_NOSIGNAL), "send"); }

// --- bind, listen, accept ---

CASE(tcp_bind_ephemeral_has_a_port_before_listen) {
  int fd = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  Address name = local(fd);
  result("%s port %s", host(&name), port(&name) > 0 ? "chosen" : "0");
  close(fd);
}

CASE(tcp_bind_twice) {
  int fd = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(tcp_bind_of_a_listening_port) {
  int listener = listening(), fd = tcp();
  Address address = local(listener);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
  close(listener);
}

CASE(tcp_bind_again_after_close) {
  int listener = listening();
  Address address = local(listener);
  close(listener);
  int fd = tcp();
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(tcp_bind_foreign_address) {
  int fd = tcp();
  Address address = v4("192.0.2.1", 0);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(tcp_listen_binds) {
  int fd = tcp();
  int value = listen(fd, 1);
  Address name = local(fd);
  result("%s %s port %s", outcome(value), host(&name), port(&name) > 0 ? "chosen" : "0");
  close(fd);
}

CASE(tcp_listen_twice) {
  int fd = listening();
  result("%s", outcome(listen(fd, 2)));
  close(fd);
}

CASE(tcp_listen_on_a_connection) {
  Pair pair = connected();
  result("%s", outcome(listen(pair.client, 1)));
  finish(pair);
}

CASE(tcp_listen_on_udp) {
  int fd = udp(AF_INET);
  result("%s", outcome(listen(fd, 1)));
  close(fd);
}

CASE(tcp_accept_on_udp) {
  int fd = udp(AF_INET);
  result("%s", outcome(accept(fd, NULL, NULL)));
  close(fd);
}

CASE(tcp_accept_without_listen) {
  int fd = tcp();
  result("%s", outcome(accept(fd, NULL, NULL)));
  close(fd);
}

CASE(tcp_accept_nonblocking_without_connection) {
  int fd = listening();
  nonblocking(fd);
  result("%s", outcome(accept(fd, NULL, NULL)));
  close(fd);
}

CASE(tcp_accept_timeout) {
  int fd = listening();
  timeout(fd, SO_RCVTIMEO, 30);
  result("%s", outcome(accept(fd, NULL, NULL)));
  close(fd);
}

CASE(tcp_accept_names_the_peer) {
  int listener = listening(), client = tcp();
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  Address peer = {.length = sizeof peer.v6}, name = local(client);
  int server = accept(listener, &peer.any, &peer.length);
  result("%s, length %d", same(&peer, &name) ? "the client's name" : "another", (int)peer.length);
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_accepted_socket_has_the_listeners_name) {
  int listener = listening();
  Pair pair = connected_through(listener);
  Address a = local(pair.server), b = local(listener);
  result("%s", same(&a, &b) ? "same" : "other");
  finish(pair);
  close(listener);
}

// Emscripten's limit is 4096 and fixed; Linux's is lowered, so that there is one to reach.
static void allow_descriptors(rlim_t most) {
#ifndef __EMSCRIPTEN__
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
#endif
}

CASE(tcp_accept_without_a_free_descriptor_leaves_the_connection) {
  static int taken[8192];
  int listener = listening(), client = tcp(), count = 0;
  timeout(listener, SO_RCVTIMEO, 10000);
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  must(send(client, "still here", 11, 0), "send");
  arrive(listener);
  allow_descriptors(256);
  while (count < 8192 && (taken[count] = dup(client)) >= 0) count++;
  const char *duplicate = outcome(-1), *none = outcome(socket(AF_INET, SOCK_STREAM, 0));
  const char *accepted = outcome(accept(listener, NULL, NULL));
  while (count > 0) close(taken[--count]);
  allow_descriptors(4096);
  int server = accept(listener, NULL, NULL);
  char data[16] = "";
  timeout(server, SO_RCVTIMEO, 10000);
  recv(server, data, sizeof data, 0);
  result("%s, %s, %s, then %s", duplicate, none, accepted, data);
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_accept4_flags) {
  int listener = listening(), client = tcp();
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  result("O_NONBLOCK %s", fcntl(server, F_GETFL) & O_NONBLOCK ? "set" : "clear");
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_accept4_unknown_flag) {
  int fd = listening();
  result("%s", outcome(accept4(fd, NULL, NULL, 0x40)));
  close(fd);
}

CASE(tcp_accept_does_not_inherit_nonblocking) {
  int listener = listening(), client = tcp();
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  arrive(listener);
  nonblocking(listener);
  int server = accept(listener, NULL, NULL);
  result("O_NONBLOCK %s", fcntl(server, F_GETFL) & O_NONBLOCK ? "set" : "clear");
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_connect_before_accept_and_send) {
  int listener = listening(), client = tcp();
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  put(client, "early");
  int server = accept(listener, NULL, NULL);
  result("%s", received(server, 0));
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_three_connections_are_accepted_in_turn) {
  int listener = listening(), clients[3], servers[3], right = 0;
  Address address = local(listener);
  for (int i = 0; i < 3; i++) {
    clients[i] = tcp();
    must(connect(clients[i], &address.any, address.length), "connect");
    char text[2] = {(char)('a' + i), 0};
    put(clients[i], text);
  }
  for (int i = 0; i < 3; i++) {
    servers[i] = accept(listener, NULL, NULL);
    right += received(servers[i], 0)[0] == 'a' + i;
  }
  result("%d of 3 in order", right);
  for (int i = 0; i < 3; i++) close(servers[i]), close(clients[i]);
  close(listener);
}

// --- connect ---

CASE(tcp_connect_refused) {
  int fd = tcp();
  Address address = nobody();
  result("%s", outcome(connect(fd, &address.any, address.length)));
  close(fd);
}

CASE(tcp_connect_refused_then_again) {
  int fd = tcp(), listener = listening();
  Address address = nobody(), good = local(listener);
  connect(fd, &address.any, address.length);
  result("%s", outcome(connect(fd, &good.any, good.length)));
  close(fd);
  close(listener);
}

CASE(tcp_connect_to_a_port_that_is_bound_only) {
  int holder = tcp(), fd = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(holder, &address.any, address.length), "bind");
  address = local(holder);
  const char *before = outcome(connect(fd, &address.any, address.length));
  must(listen(holder, 1), "listen");
  result("%s, after listen %s", before, outcome(connect(fd, &address.any, address.length)));
  close(fd);
  close(holder);
}

CASE(tcp_connect_nonblocking_to_a_port_that_is_bound_only) {
  int holder = tcp(), fd = tcp();
  Address address = v4("0.0.0.0", 0), peer = v4("127.0.0.1", 0);
  must(bind(holder, &address.any, address.length), "bind");
  address = local(holder);
  peer.v4.sin_port = address.v4.sin_port;
  nonblocking(fd);
  const char *first = outcome(connect(fd, &peer.any, peer.length)), *ready = polled(fd, POLLOUT, 5000);
  result("%s, then %s, SO_ERROR %s", first, ready, error_name(so_error(fd)));
  close(fd);
  close(holder);
}

// A client bound to an address and to any port.
static void connect_bound_to(const char *text) {
  int listener = listening(), fd = tcp();
  Address address = v4(text, 0), peer = local(listener), name = {.length = sizeof name.v6};
  must(bind(fd, &address.any, address.length), "bind");
  const char *said = outcome(connect(fd, &peer.any, peer.length));
  if (said[0] == 'o') {
    int server = accept(listener, &name.any, &name.length);
    Address own = local(fd);
    result("%s, from %s, %s", said, host(&name), same(&own, &name) ? "getsockname too" : "not getsockname");
    close(server);
  } else {
    result("%s", said);
  }
  close(fd);
  close(listener);
}

CASE(tcp_connect_bound_to_loopback) { connect_bound_to("127.0.0.1"); }

CASE(tcp_connect_bound_to_another_loopback_address) { connect_bound_to("127.0.0.2"); }

CASE(tcp_connect_bound_to_the_wildcard) { connect_bound_to("0.0.0.0"); }

CASE(tcp_connect_nonblocking) {
  int listener = listening(), fd = tcp();
  Address address = local(listener);
  nonblocking(fd);
  const char *first = outcome(connect(fd, &address.any, address.length));
  const char *ready = polled(fd, POLLOUT, 5000);
  int error = so_error(fd);
  result("%s, then %s, SO_ERROR %s", first, ready, error_name(error));
  close(fd);
  close(listener);
}

CASE(tcp_connect_nonblocking_refused) {
  int fd = tcp();
  Address address = nobody();
  nonblocking(fd);
  int value = connect(fd, &address.any, address.length);
  if (value < 0 && errno == EINPROGRESS) {
    polled(fd, POLLOUT, 5000);
    errno = so_error(fd);
    value = -1;
  }
  result("%s", outcome(value));
  close(fd);
}

CASE(tcp_connect_nonblocking_refused_polls) {
  int fd = tcp();
  Address address = nobody();
  nonblocking(fd);
  connect(fd, &address.any, address.length);
  result("%s", polled(fd, POLLIN | POLLOUT, 5000));
  close(fd);
}

CASE(tcp_connect_again_after_nonblocking) {
  int listener = listening(), fd = tcp();
  Address address = local(listener);
  nonblocking(fd);
  connect(fd, &address.any, address.length);
  polled(fd, POLLOUT, 5000);
  const char *second = outcome(connect(fd, &address.any, address.length));
  const char *third = outcome(connect(fd, &address.any, address.length));
  result("%s, then %s", second, third);
  close(fd);
  close(listener);
}

CASE(tcp_connect_twice) {
  Pair pair = connected();
  Address address;
  address.length = sizeof address.v6;
  must(getpeername(pair.client, &address.any, &address.length), "getpeername");
  result("%s", outcome(connect(pair.client, &address.any, address.length)));
  finish(pair);
}

CASE(tcp_connect_on_a_listening_socket) {
  int listener = listening();
  Address address = local(listener);
  result("%s", outcome(connect(listener, &address.any, address.length)));
  close(listener);
}

CASE(tcp_connect_short_address) {
  int fd = tcp();
  Address address = v4("127.0.0.1", 1);
  result("%s", outcome(connect(fd, &address.any, 8)));
  close(fd);
}

CASE(tcp_connect_wrong_family) {
  int fd = tcp();
  Address address = v6("::1", 1);
  result("%s", outcome(connect(fd, &address.any, address.length)));
  close(fd);
}

CASE(tcp_connect_ipv6) {
  int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
  Address address = v6("::1", 0);
  must(bind(listener, &address.any, address.length), "bind");
  must(listen(listener, 1), "listen");
  address = local(listener);
  int value = connect(client, &address.any, address.length);
  Address peer = {.length = sizeof peer.v6};
  int server = accept(listener, &peer.any, &peer.length);
  result("%s from %s, length %d", outcome(value), host(&peer), (int)peer.length);
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_dual_stack_listener_names_ipv4_peers) {
  int listener = socket(AF_INET6, SOCK_STREAM, 0), client = tcp();
  Address address = v6("::", 0);
  must(bind(listener, &address.any, address.length), "bind");
  must(listen(listener, 1), "listen");
  address = local(listener);
  Address target = v4("127.0.0.1", port(&address));
  must(connect(client, &target.any, target.length), "connect");
  Address peer = {.length = sizeof peer.v6};
  int server = accept(listener, &peer.any, &peer.length);
  Address name = local(server);
  result("peer %s, own %s", host(&peer), host(&name));
  close(server);
  close(client);
  close(listener);
}

CASE(tcp_connect_to_the_wildcard_is_this_host) {
  int listener = listening(), fd = tcp();
  Address name = local(listener), address = v4("0.0.0.0", port(&name));
  result("%s", outcome(connect(fd, &address.any, address.length)));
  close(fd);
  close(listener);
}

CASE(tcp_connect_unspec_disconnects) {
  Pair pair = connected();
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  const char *value = outcome(connect(pair.client, &none, sizeof none));
  Address peer = {.length = sizeof peer.v6};
  result("%s, then %s", value, outcome(getpeername(pair.client, &peer.any, &peer.length)));
  finish(pair);
}

CASE(tcp_names_of_a_connection) {
  Pair pair = connected();
  Address a = local(pair.client), b = {.length = sizeof b.v6}, c = local(pair.server), d = {.length = sizeof d.v6};
  must(getpeername(pair.server, &b.any, &b.length), "getpeername");
  must(getpeername(pair.client, &d.any, &d.length), "getpeername");
  result("%s, %s", same(&a, &b) ? "match" : "differ", same(&c, &d) ? "match" : "differ");
  finish(pair);
}

// --- an unconnected socket ---

CASE(tcp_unconnected_calls) {
  int fd = tcp();
  char byte;
  Address peer = {.length = sizeof peer.v6};
  const char *a = outcome(recv(fd, &byte, 1, 0)), *b = outcome(send(fd, "x", 1, MSG_NOSIGNAL));
  const char *c = outcome(shutdown(fd, SHUT_WR)), *d = outcome(getpeername(fd, &peer.any, &peer.length));
  result("recv %s, send %s, shutdown %s, getpeername %s", a, b, c, d);
  close(fd);
}

CASE(tcp_unconnected_polls) {
  int fd = tcp();
  result("%s", polled(fd, POLLIN | POLLOUT, 0));
  close(fd);
}

CASE(tcp_listening_calls) {
  int fd = listening();
  char byte;
  int count = -1;
  const char *a = outcome(recv(fd, &byte, 1, 0)), *b = outcome(send(fd, "x", 1, MSG_NOSIGNAL));
  const char *c = outcome(ioctl(fd, FIONREAD, &count));
  result("recv %s, send %s, FIONREAD %s", a, b, c);
  close(fd);
}

CASE(tcp_listening_polls) {
  int listener = listening(), client = tcp();
  char before[32];
  strcpy(before, polled(listener, POLLIN | POLLOUT, 0));
  Address address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  result("%s, then %s", before, polled(listener, POLLIN | POLLOUT, 5000));
  close(client);
  close(listener);
}

CASE(tcp_shutdown_of_a_listening_socket_ends_it) {
  int fd = listening();
  const char *value = outcome(shutdown(fd, SHUT_RDWR));
  result("%s, then accept %s", value, outcome(accept(fd, NULL, NULL)));
  close(fd);
}

// --- send and receive ---

CASE(tcp_bytes_arrive) {
  Pair pair = connected();
  put(pair.client, "hello");
  result("%s", received(pair.server, 0));
  finish(pair);
}

CASE(tcp_read_and_write) {
  Pair pair = connected();
  char text[16] = "";
  ssize_t w = write(pair.server, "abc", 3), r = read(pair.client, text, sizeof text);
  result("%zd %zd %s", w, r, text);
  finish(pair);
}

CASE(tcp_readv_and_writev) {
  Pair pair = connected();
  char a[3] = "", b[8] = "";
  struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[] = {{a, 2}, {b, 7}};
  ssize_t w = writev(pair.client, out, 3), r = readv(pair.server, in, 2);
  result("%zd %zd %s|%s", w, r, a, b);
  finish(pair);
}

CASE(tcp_sendmsg_and_recvmsg) {
  Pair pair = connected();
  char a[3] = "", b[8] = "";
  struct iovec out[] = {{"ab", 2}, {"cdef", 4}}, in[] = {{a, 2}, {b, 7}};
  Address name = {.length = 0};
  struct msghdr send_header = {.msg_iov = out, .msg_iovlen = 2};
  struct msghdr receive_header = {.msg_iov = in, .msg_iovlen = 2, .msg_name = &name.any, .msg_namelen = sizeof name.v6};
  ssize_t w = sendmsg(pair.client, &send_header, 0), r = recvmsg(pair.server, &receive_header, 0);
  result("%zd %zd %s|%s flags %d name length %d", w, r, a, b, receive_header.msg_flags, (int)receive_header.msg_namelen);
  finish(pair);
}

CASE(tcp_recvfrom_names_no_source) {
  Pair pair = connected();
  put(pair.client, "x");
  char byte;
  Address from = {.length = sizeof from.v6};
  ssize_t n = recvfrom(pair.server, &byte, 1, 0, &from.any, &from.length);
  result("%zd, length %d", n, (int)from.length);
  finish(pair);
}

CASE(tcp_sendto_ignores_the_address) {
  Pair pair = connected();
  Address other = v4("127.0.0.1", 9);
  ssize_t n = sendto(pair.client, "x", 1, 0, &other.any, other.length);
  result("%s, %s", outcome(n), received(pair.server, 0));
  finish(pair);
}

CASE(tcp_receive_in_pieces) {
  Pair pair = connected();
  put(pair.client, "abcdef");
  char a[3] = "", b[8] = "";
  must(recv(pair.server, a, 2, MSG_WAITALL), "recv");
  must(recv(pair.server, b, 4, MSG_WAITALL), "recv");
  result("%s|%s", a, b);
  finish(pair);
}

CASE(tcp_peek_leaves_the_bytes) {
  Pair pair = connected();
  put(pair.client, "peek");
  arrive(pair.server);
  const char *a = received(pair.server, MSG_PEEK), *b = received(pair.server, MSG_PEEK), *c = received(pair.server, 0);
  result("%s %s %s", a, b, c);
  finish(pair);
}

CASE(tcp_waitall_waits_for_all) {
  Pair pair = connected();
  put(pair.client, "abc");
  arrive(pair.server);
  put(pair.client, "def");
  char text[8] = "";
  ssize_t n = recv(pair.server, text, 6, MSG_WAITALL);
  result("%zd %s", n, text);
  finish(pair);
}

CASE(tcp_waitall_ends_at_the_end) {
  Pair pair = connected();
  put(pair.client, "abc");
  close(pair.client);
  char text[8] = "";
  ssize_t n = recv(pair.server, text, 6, MSG_WAITALL);
  result("%zd %s", n, text);
  close(pair.server);
}

CASE(tcp_waitall_timeout_gives_what_there_is) {
  Pair pair = connected();
  timeout(pair.server, SO_RCVTIMEO, 50);
  put(pair.client, "abc");
  arrive(pair.server);
  char text[8] = "";
  ssize_t n = recv(pair.server, text, 6, MSG_WAITALL);
  result("%zd %s", n, text);
  finish(pair);
}

CASE(tcp_trunc_throws_bytes_away) {
  Pair pair = connected();
  put(pair.client, "abcdef");
  arrive(pair.server);
  char text[8] = "none";
  ssize_t n = recv(pair.server, text, 4, MSG_TRUNC);
  result("%zd %s, then %s", n, text, received(pair.server, 0));
  finish(pair);
}

CASE(tcp_dontwait_without_data) {
  Pair pair = connected();
  char byte;
  result("%s", outcome(recv(pair.server, &byte, 1, MSG_DONTWAIT)));
  finish(pair);
}

CASE(tcp_receive_timeout) {
  Pair pair = connected();
  timeout(pair.server, SO_RCVTIMEO, 30);
  char byte;
  result("%s", outcome(recv(pair.server, &byte, 1, 0)));
  finish(pair);
}

CASE(tcp_fionread_counts_bytes) {
  Pair pair = connected();
  int before = -1, after = -1;
  ioctl(pair.server, FIONREAD, &before);
  put(pair.client, "12345");
  arrive(pair.server);
  ioctl(pair.server, FIONREAD, &after);
  result("%d, then %d", before, after);
  finish(pair);
}

CASE(tcp_empty_send_and_read) {
  Pair pair = connected();
  char byte;
  const char *a = outcome(send(pair.client, "", 0, 0)), *b = outcome(read(pair.server, &byte, 0));
  const char *c = outcome(recv(pair.server, &byte, 1, MSG_DONTWAIT));
  result("send %s, read %s, recv %s", a, b, c);
  finish(pair);
}

CASE(tcp_connection_polls) {
  Pair pair = connected();
  char before[32];
  strcpy(before, polled(pair.server, POLLIN | POLLOUT | POLLRDHUP, 0));
  put(pair.client, "x");
  arrive(pair.server);
  result("%s, with data %s", before, polled(pair.server, POLLIN | POLLOUT | POLLRDHUP, 0));
  finish(pair);
}

CASE(tcp_sender_sees_eagain_when_the_peer_does_not_read) {
  Pair pair = connected();
  nonblocking(pair.client);
  static char chunk[1 << 20];
  long total = 0;
  ssize_t n;
  // A pause lets the receiving side take what it can hold; more than this no queue may hold.
  do {
    while ((n = send(pair.client, chunk, sizeof chunk, 0)) > 0 && total < 1L << 28) total += n;
    if (n > 0) break;
  } while (strcmp(polled(pair.client, POLLOUT, 300), "OUT") == 0);
  int error = n < 0 ? errno : 0;
  long got = 0;
  const char *writable = "none";
  while (got < total) {
    n = recv(pair.server, chunk, sizeof chunk, 0);
    if (n <= 0) break;
    got += n;
  }
  writable = polled(pair.client, POLLOUT, 5000);
  result("%s, %s, then %s", error_name(error), got == total ? "all arrived" : "bytes lost", writable);
  finish(pair);
}

CASE(tcp_send_timeout_gives_what_was_sent) {
  Pair pair = connected();
  timeout(pair.client, SO_SNDTIMEO, 300);
  static char big[64 << 20];
  ssize_t n = send(pair.client, big, sizeof big, 0);
  const char *next = "";
  // The queues may still move a little: until nothing more goes.
  ssize_t more;
  while ((more = send(pair.client, big, sizeof big, 0)) > 0) n += more;
  next = outcome(more);
  result("%s, then %s", n > 0 && n < (ssize_t)sizeof big ? "a part" : "all or nothing", next);
  finish(pair);
}

CASE(tcp_a_megabyte_each_way) {
  Pair pair = connected();
  enum { SIZE = 1 << 20 };
  static unsigned char out[SIZE], in[SIZE];
  for (int i = 0; i < SIZE; i++) out[i] = i * 7 + (i >> 8);
  nonblocking(pair.client);
  size_t sent = 0, got = 0;
  while (got < SIZE) {
    ssize_t n = sent < SIZE ? send(pair.client, out + sent, SIZE - sent, 0) : 0;
    if (n > 0) sent += n;
    n = recv(pair.server, in + got, SIZE - got, 0);
    if (n <= 0) break;
    got += n;
  }
  result("%s", got == SIZE && memcmp(in, out, SIZE) == 0 ? "same" : "differ");
  finish(pair);
}

// --- the end of a connection ---

CASE(tcp_close_is_end_of_file) {
  Pair pair = connected();
  put(pair.client, "last");
  close(pair.client);
  const char *a = received(pair.server, 0);
  char byte;
  const char *b = outcome(recv(pair.server, &byte, 1, 0)), *c = outcome(recv(pair.server, &byte, 1, 0));
  result("%s, %s, %s", a, b, c);
  close(pair.server);
}

CASE(tcp_close_polls) {
  Pair pair = connected();
  close(pair.client);
  arrive(pair.server);
  result("%s", polled(pair.server, POLLIN | POLLOUT | POLLRDHUP, 0));
  close(pair.server);
}

CASE(tcp_close_with_much_unsent) {
  Pair pair = connected();
  static char chunk[1 << 20];
  must(send(pair.client, chunk, sizeof chunk, 0), "send");
  close(pair.client);
  long got = 0;
  ssize_t n;
  while ((n = recv(pair.server, chunk, sizeof chunk, 0)) > 0) got += n;
  result("%ld bytes, then %s", got, outcome(n));
  close(pair.server);
}

CASE(tcp_send_after_the_peer_closed) {
  Pair pair = connected();
  close(pair.server);
  arrive(pair.client);
  ssize_t n = 0;
  for (int i = 0; i < 200 && n >= 0; i++) {
    n = send(pair.client, "x", 1, MSG_NOSIGNAL);
    struct pollfd entry = {.fd = pair.client, .events = 0};
    if (n >= 0) poll(&entry, 1, 10);
  }
  result("%s", n < 0 && (errno == EPIPE || errno == ECONNRESET) ? "EPIPE or ECONNRESET" : outcome(n));
  close(pair.client);
}

CASE(tcp_close_with_unread_data_resets) {
  Pair pair = connected();
  put(pair.client, "unread");
  arrive(pair.server);
  close(pair.server);
  char byte;
  ssize_t n = recv(pair.client, &byte, 1, 0);
  result("%s", outcome(n));
  close(pair.client);
}

CASE(tcp_linger_0_resets) {
  Pair pair = connected();
  reset(pair.client);
  char byte;
  const char *a = outcome(recv(pair.server, &byte, 1, 0)), *b = outcome(recv(pair.server, &byte, 1, 0));
  const char *c = outcome(send(pair.server, "x", 1, MSG_NOSIGNAL));
  result("%s, then %s, send %s", a, b, c);
  close(pair.server);
}

CASE(tcp_reset_polls) {
  Pair pair = connected();
  reset(pair.client);
  arrive(pair.server);
  const char *a = polled(pair.server, POLLIN | POLLOUT | POLLRDHUP, 0);
  int error = so_error(pair.server);
  result("%s, SO_ERROR %s", a, error_name(error));
  close(pair.server);
}

CASE(tcp_shutdown_write_is_end_of_file) {
  Pair pair = connected();
  put(pair.client, "question");
  const char *a = outcome(shutdown(pair.client, SHUT_WR)), *b = received(pair.server, 0);
  timeout(pair.server, SO_RCVTIMEO, 1000);
  char byte;
  const char *c = outcome(recv(pair.server, &byte, 1, 0));
  put(pair.server, "answer");
  result("%s, %s, %s, %s", a, b, c, received(pair.client, 0));
  finish(pair);
}

CASE(tcp_shutdown_write_then_send) {
  Pair pair = connected();
  must(shutdown(pair.client, SHUT_WR), "shutdown");
  result("%s", outcome(send(pair.client, "x", 1, MSG_NOSIGNAL)));
  finish(pair);
}

CASE(tcp_shutdown_read_then_recv) {
  Pair pair = connected();
  const char *a = outcome(shutdown(pair.server, SHUT_RD));
  char byte;
  result("%s, %s", a, outcome(recv(pair.server, &byte, 1, 0)));
  finish(pair);
}

CASE(tcp_shutdown_both) {
  Pair pair = connected();
  const char *a = outcome(shutdown(pair.client, SHUT_RDWR));
  const char *b = polled(pair.client, POLLIN | POLLOUT | POLLRDHUP, 0);
  char byte;
  result("%s, %s, peer reads %s", a, b, outcome(recv(pair.server, &byte, 1, 0)));
  finish(pair);
}

CASE(tcp_shutdown_wrong_how) {
  Pair pair = connected();
  result("%s", outcome(shutdown(pair.client, 3)));
  finish(pair);
}

CASE(tcp_dup_keeps_the_connection) {
  Pair pair = connected();
  int copy = dup(pair.client);
  close(pair.client);
  must(send(copy, "still", 5, 0), "send");
  result("%s", received(pair.server, 0));
  close(copy);
  close(pair.server);
}

CASE(tcp_fstat_says_socket) {
  int fd = tcp();
  struct stat status;
  must(fstat(fd, &status), "fstat");
  result("%s", S_ISSOCK(status.st_mode) ? "socket" : "other");
  close(fd);
}

// --- options ---

static const char *flag(int fd, int level, int name) {
  int value = -1, one = 1;
  socklen_t length = sizeof value;
  static char texts[4][64];
  static int next;
  char *text = texts[next++ % 4];
  if (getsockopt(fd, level, name, &value, &length) < 0) return outcome(-1);
  int before = value;
  const char *set = outcome(setsockopt(fd, level, name, &one, sizeof one));
  must(getsockopt(fd, level, name, &value, &length), "getsockopt");
  snprintf(text, sizeof texts[0], "%d %s %d", before, set, value);
  return text;
}

CASE(tcp_option_type) {
  int fd = tcp(), value = 0;
  socklen_t length = sizeof value;
  must(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), "SO_TYPE");
  result("%s", value == SOCK_STREAM ? "SOCK_STREAM" : "other");
  close(fd);
}

CASE(tcp_option_acceptconn) {
  int fd = tcp(), listener = listening(), a = -1, b = -1;
  socklen_t length = sizeof a;
  must(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &a, &length), "SO_ACCEPTCONN");
  must(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &b, &length), "SO_ACCEPTCONN");
  result("%d, listening %d", a, b);
  close(fd);
  close(listener);
}

CASE(tcp_option_nodelay) {
  Pair pair = connected();
  int fd = tcp();
  const char *a = flag(fd, IPPROTO_TCP, TCP_NODELAY), *b = flag(pair.client, IPPROTO_TCP, TCP_NODELAY);
  result("%s, connected %s", a, b);
  close(fd);
  finish(pair);
}

CASE(tcp_option_nodelay_on_udp) {
  int fd = udp(AF_INET), one = 1;
  result("%s", outcome(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one)));
  close(fd);
}

CASE(tcp_option_keepalive) {
  int fd = tcp();
  result("%s", flag(fd, SOL_SOCKET, SO_KEEPALIVE));
  close(fd);
}

CASE(tcp_option_keepalive_connected) {
  Pair pair = connected();
  result("%s", flag(pair.client, SOL_SOCKET, SO_KEEPALIVE));
  finish(pair);
}

CASE(tcp_option_keepidle) {
  int fd = tcp(), value = 60;
  const char *a = outcome(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value));
  value = 0;
  const char *b = outcome(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value));
  socklen_t length = sizeof value;
  must(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length), "getsockopt");
  result("%s, 0 s %s, %d", a, b, value);
  close(fd);
}

CASE(tcp_option_linger) {
  int fd = tcp();
  struct linger before = {9, 9}, after = {1, 7};
  socklen_t length = sizeof before;
  must(getsockopt(fd, SOL_SOCKET, SO_LINGER, &before, &length), "getsockopt");
  const char *set = outcome(setsockopt(fd, SOL_SOCKET, SO_LINGER, &after, sizeof after));
  const char *shorter = outcome(setsockopt(fd, SOL_SOCKET, SO_LINGER, &after, 4));
  must(getsockopt(fd, SOL_SOCKET, SO_LINGER, &after, &length), "getsockopt");
  result("%d, %s, short %s, %d %d", before.l_onoff, set, shorter, after.l_onoff, after.l_linger);
  close(fd);
}

CASE(tcp_option_unknown) {
  int fd = tcp(), value = 0;
  socklen_t length = sizeof value;
  result("%s", outcome(getsockopt(fd, IPPROTO_TCP, 0x7777, &value, &length)));
  close(fd);
}

CASE(tcp_option_buffers_are_doubled) {
  int fd = tcp(), value = 50000, a = 0, b = 0;
  socklen_t length = sizeof value;
  must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value), "SO_SNDBUF");
  must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof value), "SO_RCVBUF");
  must(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &a, &length), "SO_SNDBUF");
  must(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &b, &length), "SO_RCVBUF");
  result("%d %d", a, b);
  close(fd);
}

int main(void) {
  RUN(tcp_bind_ephemeral_has_a_port_before_listen);
  RUN(tcp_bind_twice);
  RUN(tcp_bind_of_a_listening_port);
  RUN(tcp_bind_again_after_close);
  RUN(tcp_bind_foreign_address);
  RUN(tcp_listen_binds);
  RUN(tcp_listen_twice);
  RUN(tcp_listen_on_a_connection);
  RUN(tcp_listen_on_udp);
  RUN(tcp_accept_on_udp);
  RUN(tcp_accept_without_listen);
  RUN(tcp_accept_nonblocking_without_connection);
  RUN(tcp_accept_timeout);
  RUN(tcp_accept_names_the_peer);
  RUN(tcp_accepted_socket_has_the_listeners_name);
  RUN(tcp_accept_without_a_free_descriptor_leaves_the_connection);
  RUN(tcp_accept4_flags);
  RUN(tcp_accept4_unknown_flag);
  RUN(tcp_accept_does_not_inherit_nonblocking);
  RUN(tcp_connect_before_accept_and_send);
  RUN(tcp_three_connections_are_accepted_in_turn);
  RUN(tcp_connect_refused);
  RUN(tcp_connect_refused_then_again);
  RUN(tcp_connect_to_a_port_that_is_bound_only);
  RUN(tcp_connect_nonblocking_to_a_port_that_is_bound_only);
  RUN(tcp_connect_bound_to_loopback);
  RUN(tcp_connect_bound_to_another_loopback_address);
  RUN(tcp_connect_bound_to_the_wildcard);
  RUN(tcp_connect_nonblocking);
  RUN(tcp_connect_nonblocking_refused);
  RUN(tcp_connect_nonblocking_refused_polls);
  RUN(tcp_connect_again_after_nonblocking);
  RUN(tcp_connect_twice);
  RUN(tcp_connect_on_a_listening_socket);
  RUN(tcp_connect_short_address);
  RUN(tcp_connect_wrong_family);
  RUN(tcp_connect_ipv6);
  RUN(tcp_dual_stack_listener_names_ipv4_peers);
  RUN(tcp_connect_to_the_wildcard_is_this_host);
  RUN(tcp_connect_unspec_disconnects);
  RUN(tcp_names_of_a_connection);
  RUN(tcp_unconnected_calls);
  RUN(tcp_unconnected_polls);
  RUN(tcp_listening_calls);
  RUN(tcp_listening_polls);
  RUN(tcp_shutdown_of_a_listening_socket_ends_it);
  RUN(tcp_bytes_arrive);
  RUN(tcp_read_and_write);
  RUN(tcp_readv_and_writev);
  RUN(tcp_sendmsg_and_recvmsg);
  RUN(tcp_recvfrom_names_no_source);
  RUN(tcp_sendto_ignores_the_address);
  RUN(tcp_receive_in_pieces);
  RUN(tcp_peek_leaves_the_bytes);
  RUN(tcp_waitall_waits_for_all);
  RUN(tcp_waitall_ends_at_the_end);
  RUN(tcp_waitall_timeout_gives_what_there_is);
  RUN(tcp_trunc_throws_bytes_away);
  RUN(tcp_dontwait_without_data);
  RUN(tcp_receive_timeout);
  RUN(tcp_fionread_counts_bytes);
  RUN(tcp_empty_send_and_read);
  RUN(tcp_connection_polls);
  RUN(tcp_sender_sees_eagain_when_the_peer_does_not_read);
  RUN(tcp_send_timeout_gives_what_was_sent);
  RUN(tcp_a_megabyte_each_way);
  RUN(tcp_close_is_end_of_file);
  RUN(tcp_close_polls);
  RUN(tcp_close_with_much_unsent);
  RUN(tcp_send_after_the_peer_closed);
  RUN(tcp_close_with_unread_data_resets);
  RUN(tcp_linger_0_resets);
  RUN(tcp_reset_polls);
  RUN(tcp_shutdown_write_is_end_of_file);
  RUN(tcp_shutdown_write_then_send);
  RUN(tcp_shutdown_read_then_recv);
  RUN(tcp_shutdown_both);
  RUN(tcp_shutdown_wrong_how);
  RUN(tcp_dup_keeps_the_connection);
  RUN(tcp_fstat_says_socket);
  RUN(tcp_option_type);
  RUN(tcp_option_acceptconn);
  RUN(tcp_option_nodelay);
  RUN(tcp_option_nodelay_on_udp);
  RUN(tcp_option_keepalive);
  RUN(tcp_option_keepalive_connected);
  RUN(tcp_option_keepidle);
  RUN(tcp_option_linger);
  RUN(tcp_option_unknown);
  RUN(tcp_option_buffers_are_doubled);
  return 0;
}
