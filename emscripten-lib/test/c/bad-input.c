// What no program should pass: pointers to nowhere, lengths that are none, descriptors of something else, ports at the
// ends of their range.
#include "conformance.h"
#include <limits.h>

// Neither compiler is to see that this is null.
static void *volatile nowhere = NULL;

static const char *got(int fd) { return fd < 0 ? outcome(fd) : "ok"; }

static int tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  return fd;
}

// A loopback address that nobody else uses: any port of it is free.
static Address own(int number) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  char text[32];
  snprintf(text, sizeof text, "127.%ld.%ld.%ld", 1 + time.tv_nsec / 1000 % 250, time.tv_nsec / 1000000 % 250,
    1 + time.tv_sec % 250);
  return v4(text, number);
}

CASE(bad_socket_family) { result("%s, %s", outcome(socket(-1, SOCK_DGRAM, 0)), outcome(socket(4711, SOCK_DGRAM, 0))); }
CASE(bad_socket_type) { result("%s", outcome(socket(AF_INET, 0, 0))); }
CASE(bad_socket_protocol) {
  const char *negative = outcome(socket(AF_INET, SOCK_DGRAM, -1));
  result("%s, %s", negative, outcome(socket(AF_INET, SOCK_STREAM, 4711)));
}

CASE(bad_addresses_from_nowhere) {
  int a = udp(AF_INET), b = tcp();
  const char *bound = outcome(bind(a, nowhere, sizeof(struct sockaddr_in)));
  const char *peer = outcome(connect(a, nowhere, sizeof(struct sockaddr_in)));
  const char *stream = outcome(bind(b, nowhere, sizeof(struct sockaddr_in)));
  result("%s, %s, %s, %s", bound, peer, stream, outcome(connect(b, nowhere, sizeof(struct sockaddr_in))));
  close(a);
  close(b);
}

CASE(bad_addresses_to_nowhere) {
  int fd = bound();
  Address peer = local(fd);
  must(connect(fd, &peer.any, peer.length), "connect");
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  const char *name = outcome(getsockname(fd, nowhere, &length));
  const char *size = outcome(getsockname(fd, (struct sockaddr *)&address, nowhere));
  const char *other = outcome(getpeername(fd, nowhere, &length));
  result("%s, %s, %s, %s", name, size, other, outcome(getpeername(fd, (struct sockaddr *)&address, nowhere)));
  close(fd);
}

CASE(bad_address_lengths) {
  int a = udp(AF_INET), b = tcp();
  Address address = v4("127.0.0.1", 9);
  char large[512] = {0};
  memcpy(large, &address.v4, sizeof address.v4);
  struct sockaddr *any = (struct sockaddr *)large;
  const char *negative = outcome(bind(a, any, -1)), *huge = outcome(bind(a, any, sizeof large));
  const char *peer = outcome(connect(a, any, -1)), *far = outcome(connect(b, any, sizeof large));
  result("%s, %s, %s, %s, %s", negative, huge, peer, far, outcome(sendto(a, "x", 1, 0, any, sizeof large)));
  close(a);
  close(b);
}

CASE(bad_address_longer_than_it_need_be) {
  int a = bound(), b = bound();
  Address address = local(b);
  char roomy[64] = {0};
  memcpy(roomy, &address.v4, sizeof address.v4);
  const char *sent = outcome(sendto(a, "x", 1, 0, (struct sockaddr *)roomy, sizeof roomy));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(bad_addresses_cut_short) {
  int a = udp(AF_INET), b = tcp();
  Address address = v4("127.0.0.1", 9);
  const char *none = outcome(connect(a, &address.any, 0)), *family = outcome(connect(a, &address.any, 1));
  const char *udp_connect = outcome(connect(a, &address.any, 15)), *tcp_bind = outcome(bind(b, &address.any, 15));
  result("%s, %s, %s, %s, %s", none, family, udp_connect, tcp_bind, outcome(connect(b, &address.any, 8)));
  close(a);
  close(b);
}

CASE(bad_accept_pointers) {
  int fd = tcp(), client = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  must(listen(fd, 4), "listen");
  Address there = local(fd);
  must(connect(client, &there.any, there.length), "connect");
  struct sockaddr_in peer;
  const char *size = outcome(accept(fd, (struct sockaddr *)&peer, nowhere));
  int second = tcp();
  must(connect(second, &there.any, there.length), "connect");
  socklen_t negative = -1;
  result("%s, %s", size, outcome(accept(fd, (struct sockaddr *)&peer, &negative)));
  close(client);
  close(second);
  close(fd);
}

CASE(bad_messages) {
  int fd = bound();
  struct msghdr negative = {.msg_name = &fd, .msg_namelen = -1}, many = {.msg_iovlen = 4711};
  const char *sent = outcome(sendmsg(fd, nowhere, 0)), *taken = outcome(recvmsg(fd, nowhere, MSG_DONTWAIT));
  const char *name = outcome(sendmsg(fd, &negative, 0));
  result("%s, %s, %s, %s", sent, taken, name, outcome(recvmsg(fd, &many, MSG_DONTWAIT)));
  close(fd);
}

CASE(bad_vectors) {
  int fd = bound();
  struct iovec parts[1] = {{nowhere, 4}};
  volatile int less = -1, many = 4711;
  const char *none = outcome(writev(fd, nowhere, 1)), *negative = outcome(writev(fd, parts, less));
  const char *part = outcome(readv(fd, nowhere, 1));
  result("%s, %s, %s, %s", none, negative, part, outcome(readv(fd, parts, many)));
  close(fd);
}

CASE(bad_vector_lengths) {
  static char byte = 'x';
  volatile size_t all = -1, half = all / 2 + 1;
  int a = bound(), b = bound();
  Address address = local(b);
  must(connect(a, &address.any, address.length), "connect");
  struct iovec parts[2] = {{&byte, 1}, {&byte, all}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  const char *sent = outcome(sendmsg(a, &message, 0)), *written = outcome(writev(a, parts, 2));
  const char *taken = outcome(recvmsg(b, &message, MSG_DONTWAIT));
  parts[1].iov_len = half;
  result("%s, %s, %s, %s", sent, written, taken, outcome(sendmsg(a, &message, 0)));
  close(a);
  close(b);
}

// Where no memory is, on any machine.
CASE(bad_pointers_beyond_all) {
  int fd = bound();
  void *volatile beyond = (void *)-1;
  Address address = local(fd);
  const char *sent = outcome(sendto(fd, beyond, 4, 0, &address.any, address.length));
  const char *to = outcome(sendto(fd, "x", 1, 0, beyond, address.length));
  const char *name = outcome(getsockname(fd, beyond, &address.length));
  const char *length = outcome(getsockname(fd, &address.any, beyond));
  const char *option = outcome(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, beyond, sizeof(int)));
  const char *message = outcome(sendmsg(fd, beyond, 0));
  const char *vector = outcome(writev(fd, beyond, 1));
  const char *polled = outcome(poll(beyond, 1, 0));
  result("%s, %s, %s, %s, %s, %s, %s, %s", sent, to, name, length, option, message, vector, polled);
  close(fd);
}

CASE(bad_send_length_beyond_all) {
  static char byte = 'x';
  volatile size_t all = -1;
  int a = bound(), b = bound();
  Address address = local(b);
  const char *sent = outcome(sendto(a, &byte, all, 0, &address.any, address.length));
  pass(a, b, "still works");
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(bad_receive_length_beyond_all) {
  static char data[16];
  volatile size_t all = -1;
  int a = bound(), b = bound();
  pass(a, b, "fits");
  const char *length = outcome(recv(b, data, all, 0));
  result("%s, %s", length, data);
  close(a);
  close(b);
}

CASE(bad_stream_receive_length_beyond_all) {
  static char data[16];
  volatile size_t all = -1;
  int listener = tcp(), client = tcp();
  Address address = v4("127.0.0.1", 0);
  must(bind(listener, &address.any, address.length), "bind");
  must(listen(listener, 4), "listen");
  address = local(listener);
  must(connect(client, &address.any, address.length), "connect");
  int server = accept(listener, NULL, NULL);
  must(send(client, "fits", 4, 0), "send");
  const char *length = outcome(recv(server, data, all, 0));
  result("%s, %s", length, data);
  close(listener);
  close(client);
  close(server);
}

CASE(bad_option_lengths) {
  int fd = udp(AF_INET), value = 1;
  socklen_t length = sizeof value;
  const char *negative = outcome(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, -1));
  const char *to = outcome(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nowhere, &length));
  result("%s, %s, %s", negative, to, outcome(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, nowhere)));
  close(fd);
}

// Of a structure as much is read as it has, whatever is said.
CASE(bad_option_lengths_of_structures) {
  int fd = udp(AF_INET);
  struct ip_mreqn none = {0};
  const char *join = outcome(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &none, INT_MAX));
  result("%s, %s", join, outcome(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &none, INT_MAX)));
  close(fd);
}

CASE(bad_option_levels) {
  int fd = tcp(), value = 1;
  const char *negative = outcome(setsockopt(fd, -1, 1, &value, sizeof value));
  result("%s, %s", negative, outcome(setsockopt(fd, IPPROTO_UDP, 1, &value, sizeof value)));
  close(fd);
}

// Every call once, on something that is no socket.
static void calls_on(int fd) {
  Address address = v4("127.0.0.1", 9);
  char byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  int value = 0;
  socklen_t length = sizeof value;
  const char *texts[14];
  int count = 0;
  texts[count++] = outcome(bind(fd, &address.any, address.length));
  texts[count++] = outcome(connect(fd, &address.any, address.length));
  texts[count++] = outcome(listen(fd, 1));
  texts[count++] = outcome(accept(fd, NULL, NULL));
  texts[count++] = outcome(sendto(fd, &byte, 1, 0, &address.any, address.length));
  texts[count++] = outcome(recv(fd, &byte, 1, 0));
  texts[count++] = outcome(sendmsg(fd, &header, 0));
  texts[count++] = outcome(recvmsg(fd, &header, 0));
  int same = 1;
  for (int i = 1; i < count; i++) same &= strcmp(texts[i], texts[0]) == 0;
  const char *first = strdup(texts[0]);
  count = 0;
  texts[count++] = outcome(getsockname(fd, &address.any, &address.length));
  texts[count++] = outcome(getpeername(fd, &address.any, &address.length));
  texts[count++] = outcome(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
  texts[count++] = outcome(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
  texts[count++] = outcome(shutdown(fd, SHUT_RDWR));
  for (int i = 0; i < count; i++) same &= strcmp(texts[i], first) == 0;
  result("%s%s", first, same ? " everywhere" : " not everywhere");
}

CASE(bad_descriptor_negative) { calls_on(-1); }
CASE(bad_descriptor_never_opened) { calls_on(3000); }
CASE(bad_descriptor_of_a_directory) {
  int fd = open("/tmp", O_RDONLY);
  must(fd, "open");
  calls_on(fd);
  close(fd);
}
CASE(bad_descriptor_of_a_pipe) {
  int ends[2];
  must(pipe(ends), "pipe");
  calls_on(ends[0]);
  close(ends[0]);
  close(ends[1]);
}
CASE(bad_descriptor_of_a_closed_connection) {
  int fd = tcp();
  close(fd);
  calls_on(fd);
}

CASE(bad_ioctl) {
  int fd = bound(), value = 0;
  const char *unknown = outcome(ioctl(fd, 0x4711, &value)), *to = outcome(ioctl(fd, FIONREAD, nowhere));
  result("%s, %s, %s", unknown, to, outcome(ioctl(fd, FIONBIO, nowhere)));
  close(fd);
}

CASE(bad_poll_count) {
  struct pollfd entry = {.fd = -1};
  volatile nfds_t all = -1;
  result("%s, %s", outcome(poll(&entry, all, 0)), outcome(poll(&entry, all, -1)));
}

CASE(bad_select_count) {
  struct timeval now = {0};
  result("%s", outcome(select(-1, NULL, NULL, NULL, &now)));
}

CASE(port_0_as_udp_peer) {
  int fd = udp(AF_INET);
  Address address = v4("127.0.0.1", 0);
  const char *connected = outcome(connect(fd, &address.any, address.length));
  result("%s, %s", connected, outcome(send(fd, "x", 1, 0)));
  close(fd);
}

CASE(port_0_as_tcp_peer) {
  int fd = tcp();
  Address address = v4("127.0.0.1", 0);
  result("%s", outcome(connect(fd, &address.any, address.length)));
  close(fd);
}

CASE(port_65535_udp) {
  int a = bound(), b = udp(AF_INET);
  timeout(b, SO_RCVTIMEO, 5000);
  Address last = own(65535);
  must(bind(b, &last.any, last.length), "bind");
  pass(a, b, "x");
  Address name = local(b);
  result("%d, %s", port(&name), received(b, 0));
  close(a);
  close(b);
}

CASE(port_65535_tcp) {
  int listener = tcp(), client = tcp();
  Address last = own(65535);
  must(bind(listener, &last.any, last.length), "bind");
  must(listen(listener, 1), "listen");
  const char *connected = outcome(connect(client, &last.any, last.length));
  result("%s, %s", connected, got(accept(listener, NULL, NULL)));
  close(listener);
  close(client);
}

CASE(port_65535_tcp_with_nobody_there) {
  int fd = tcp();
  Address last = own(65535);
  result("%s", outcome(connect(fd, &last.any, last.length)));
  close(fd);
}

int main(void) {
  RUN(bad_socket_family);
  RUN(bad_socket_type);
  RUN(bad_socket_protocol);
  RUN(bad_addresses_from_nowhere);
  RUN(bad_addresses_to_nowhere);
  RUN(bad_address_lengths);
  RUN(bad_address_longer_than_it_need_be);
  RUN(bad_addresses_cut_short);
  RUN(bad_accept_pointers);
  RUN(bad_messages);
  RUN(bad_vectors);
  RUN(bad_vector_lengths);
  RUN(bad_pointers_beyond_all);
  RUN(bad_send_length_beyond_all);
  RUN(bad_receive_length_beyond_all);
  RUN(bad_stream_receive_length_beyond_all);
  RUN(bad_option_lengths);
  RUN(bad_option_lengths_of_structures);
  RUN(bad_option_levels);
  RUN(bad_descriptor_negative);
  RUN(bad_descriptor_never_opened);
  RUN(bad_descriptor_of_a_directory);
  RUN(bad_descriptor_of_a_pipe);
  RUN(bad_descriptor_of_a_closed_connection);
  RUN(bad_ioctl);
  RUN(bad_poll_count);
  RUN(bad_select_count);
  RUN(port_0_as_udp_peer);
  RUN(port_0_as_tcp_peer);
  RUN(port_65535_udp);
  RUN(port_65535_tcp);
  RUN(port_65535_tcp_with_nobody_there);
  return 0;
}
