// socket(): which sockets there are, and what a fresh one says of itself.
#include "conformance.h"

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  must(getsockopt(fd, level, name, &value, &length), "getsockopt");
  return value;
}

CASE(socket_ipv4) {
  int fd = udp(AF_INET);
  result("%s", outcome(fd >= 3));
  close(fd);
}

CASE(socket_ipv6) {
  int fd = udp(AF_INET6);
  result("%s", outcome(fd >= 3));
  close(fd);
}

CASE(socket_protocol_udp) {
  int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  result("%s", outcome(fd >= 3));
  close(fd);
}

CASE(socket_takes_the_lowest_descriptor) {
  int a = udp(AF_INET), b = udp(AF_INET);
  close(a);
  int c = udp(AF_INET);
  result("%s", c == a ? "yes" : "no");
  close(b);
  close(c);
}

CASE(socket_unknown_family) { result("%s", outcome(socket(AF_APPLETALK + 90, SOCK_DGRAM, 0))); }
CASE(socket_unknown_flag) { result("%s", outcome(socket(AF_INET, SOCK_DGRAM | 0x100, 0))); }
CASE(socket_wrong_protocol) { result("%s", outcome(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP))); }
CASE(socket_unsupported_type) { result("%s", outcome(socket(AF_INET, SOCK_SEQPACKET, 0))); }

CASE(socket_stream) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  result("%s", fd >= 0 ? "ok" : outcome(fd));
  if (fd >= 0) close(fd);
}

CASE(socket_nonblock_flag) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  result("O_NONBLOCK %s", fcntl(fd, F_GETFL) & O_NONBLOCK ? "set" : "clear");
  close(fd);
}

CASE(socket_cloexec_flag) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  result("%s, FD_CLOEXEC %s", fd >= 0 ? "ok" : outcome(fd), fcntl(fd, F_GETFD) & FD_CLOEXEC ? "set" : "clear");
  close(fd);
}

CASE(socket_is_read_and_write) {
  int fd = udp(AF_INET);
  result("%s", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR ? "O_RDWR" : "other");
  close(fd);
}

CASE(socket_describes_itself) {
  int fd = udp(AF_INET6);
  result("type %d domain %s protocol %d accepting %d", option(fd, SOL_SOCKET, SO_TYPE),
    option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6 ? "AF_INET6" : "other", option(fd, SOL_SOCKET, SO_PROTOCOL),
    option(fd, SOL_SOCKET, SO_ACCEPTCONN));
  close(fd);
}

CASE(socket_unbound_has_no_name) {
  int fd = udp(AF_INET);
  Address address = local(fd);
  result("%s port %d length %d", host(&address), port(&address), (int)address.length);
  close(fd);
}

CASE(socket_unbound_has_no_name_ipv6) {
  int fd = udp(AF_INET6);
  Address address = local(fd);
  result("%s port %d length %d", host(&address), port(&address), (int)address.length);
  close(fd);
}

CASE(listen_on_a_datagram_socket) {
  int fd = bound();
  result("%s", outcome(listen(fd, 5)));
  close(fd);
}

CASE(accept_on_a_datagram_socket) {
  int fd = bound();
  result("%s", outcome(accept(fd, NULL, NULL)));
  close(fd);
}

CASE(calls_on_a_closed_descriptor) {
  int fd = udp(AF_INET);
  close(fd);
  Address address = v4("127.0.0.1", 0);
  char byte = 0;
  int value = 0;
  socklen_t length = sizeof value;
  result("%s %s %s %s %s %s %s %s %s", outcome(bind(fd, &address.any, address.length)),
    outcome(connect(fd, &address.any, address.length)), outcome(getsockname(fd, &address.any, &address.length)),
    outcome(getpeername(fd, &address.any, &address.length)), outcome(send(fd, &byte, 1, 0)),
    outcome(recv(fd, &byte, 1, 0)), outcome(shutdown(fd, SHUT_RD)),
    outcome(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length)),
    outcome(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, length)));
}

CASE(calls_on_a_pipe) {
  int ends[2];
  must(pipe(ends), "pipe");
  Address address = v4("127.0.0.1", 0);
  char byte = 0;
  int value = 0;
  socklen_t length = sizeof value;
  result("%s %s %s %s %s %s", outcome(bind(ends[0], &address.any, address.length)),
    outcome(connect(ends[0], &address.any, address.length)),
    outcome(getsockname(ends[0], &address.any, &address.length)), outcome(send(ends[1], &byte, 1, 0)),
    outcome(recv(ends[0], &byte, 1, 0)), outcome(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &value, &length)));
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  RUN(socket_ipv4);
  RUN(socket_ipv6);
  RUN(socket_protocol_udp);
  RUN(socket_takes_the_lowest_descriptor);
  RUN(socket_unknown_family);
  RUN(socket_unknown_flag);
  RUN(socket_wrong_protocol);
  RUN(socket_unsupported_type);
  RUN(socket_stream);
  RUN(socket_nonblock_flag);
  RUN(socket_cloexec_flag);
  RUN(socket_is_read_and_write);
  RUN(socket_describes_itself);
  RUN(socket_unbound_has_no_name);
  RUN(socket_unbound_has_no_name_ipv6);
  RUN(listen_on_a_datagram_socket);
  RUN(accept_on_a_datagram_socket);
  RUN(calls_on_a_closed_descriptor);
  RUN(calls_on_a_pipe);
  return 0;
}
