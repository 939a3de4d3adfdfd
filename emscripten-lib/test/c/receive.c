// recv() and recvfrom(): truncation, peeking, not waiting, time limits, the bound on the queue.
#include "conformance.h"

CASE(recvfrom_names_the_sender) {
  int a = bound(), b = bound();
  pass(a, b, "hello");
  char data[8];
  Address from = {.length = sizeof from.v6}, expected = local(a);
  const char *length = outcome(recvfrom(b, data, sizeof data, 0, &from.any, &from.length));
  result("%s from %s, port %s, length %d", length, host(&from),
    port(&from) == port(&expected) ? "right" : "wrong", (int)from.length);
  close(a);
  close(b);
}

CASE(recvfrom_names_the_sender_ipv6) {
  int a = bound6(), b = bound6();
  pass(a, b, "hello");
  char data[8];
  Address from = {.length = sizeof from.v6}, expected = local(a);
  const char *length = outcome(recvfrom(b, data, sizeof data, 0, &from.any, &from.length));
  result("%s from %s, port %s, length %d", length, host(&from),
    port(&from) == port(&expected) ? "right" : "wrong", (int)from.length);
  close(a);
  close(b);
}

CASE(recv_cuts_a_datagram_and_drops_the_rest) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  pass(a, b, "next");
  char data[4] = "";
  const char *length = outcome(recv(b, data, 3, 0));
  result("%s %s, then %s", length, data, received(b, 0));
  close(a);
  close(b);
}

CASE(recv_trunc_tells_the_whole_length) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  char data[4] = "---";
  const char *length = outcome(recv(b, data, 2, MSG_TRUNC));
  result("%s %s", length, data);
  close(a);
  close(b);
}

CASE(recv_peek_leaves_the_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  arrive(b);
  const char *peeked = received(b, MSG_PEEK);
  const char *taken = received(b, 0);
  result("%s, %s, then %s", peeked, taken, received(b, MSG_DONTWAIT));
  close(a);
  close(b);
}

CASE(recv_peek_and_trunc_measure_the_next) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  arrive(b);
  const char *length = outcome(recv(b, NULL, 0, MSG_PEEK | MSG_TRUNC));
  result("%s, %s", length, received(b, 0));
  close(a);
  close(b);
}

CASE(recv_into_no_room_takes_the_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  pass(a, b, "next");
  char byte;
  const char *length = outcome(recv(b, &byte, 0, 0));
  result("%s, then %s", length, received(b, 0));
  close(a);
  close(b);
}

CASE(recv_dontwait_nothing_there) {
  int fd = bound();
  result("%s", received(fd, MSG_DONTWAIT));
  close(fd);
}

CASE(recv_dontwait_something_there) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  arrive(b);
  result("%s", received(b, MSG_DONTWAIT));
  close(a);
  close(b);
}

CASE(recv_nonblocking_descriptor) {
  int fd = bound();
  must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl");
  result("%s", received(fd, 0));
  close(fd);
}

CASE(recv_unbound_nonblocking) {
  int fd = udp(AF_INET);
  result("%s", received(fd, MSG_DONTWAIT));
  close(fd);
}

CASE(recv_time_limit) {
  int fd = bound();
  timeout(fd, SO_RCVTIMEO, 30);
  double start = now_ms();
  const char *got = received(fd, 0);
  result("%s, %s", got, now_ms() - start >= 29 ? "waited" : "too early");
  close(fd);
}

CASE(recv_time_limit_not_reached) {
  int a = bound(), b = bound();
  timeout(b, SO_RCVTIMEO, 60000);
  pass(a, b, "abc");
  result("%s", received(b, 0));
  close(a);
  close(b);
}

CASE(recv_negative_time_limit_does_not_wait) {
  int fd = bound();
  struct timeval time = {.tv_sec = -1};
  const char *set = outcome(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
  result("%s, %s", set, received(fd, 0));
  close(fd);
}

CASE(recvfrom_cuts_the_address) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  unsigned char bytes[32];
  memset(bytes, 0xee, sizeof bytes);
  socklen_t length = 2;
  char data[8];
  const char *got = outcome(recvfrom(b, data, sizeof data, 0, (struct sockaddr *)bytes, &length));
  result("%s, length %d, byte 2 %s", got, (int)length, bytes[2] == 0xee ? "untouched" : "written");
  close(a);
  close(b);
}

CASE(recvfrom_address_without_length) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  Address from;
  char data[8];
  result("%s", outcome(recvfrom(b, data, sizeof data, 0, &from.any, NULL)));
  close(a);
  close(b);
}

CASE(recv_into_nowhere) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  result("%s", outcome(recv(b, NULL, 8, 0)));
  close(a);
  close(b);
}

CASE(recv_error_queue_is_empty) {
  int fd = bound();
  result("%s", received(fd, MSG_ERRQUEUE));
  close(fd);
}

CASE(fionread_is_the_next_datagram) {
  int a = bound(), b = bound(), before = -1, length = -1;
  must(ioctl(b, FIONREAD, &before), "ioctl");
  pass(a, b, "abcdef");
  pass(a, b, "xy");
  arrive(b);
  must(ioctl(b, FIONREAD, &length), "ioctl");
  result("%d, %d", before, length);
  close(a);
  close(b);
}

// Sends 300 datagrams to a socket that does not read, and counts what it kept. The pause lets them all come: on a
// single-threaded event loop nothing is delivered while the program runs.
static int kept_of_300(int receive_buffer, size_t length) {
  int a = bound(), b = bound(), kept = 0;
  static char data[2000];
  must(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer), "setsockopt");
  Address address = local(b);
  for (int i = 0; i < 300; i++) must(to(a, data, length, address), "sendto");
  poll(NULL, 0, 100);
  timeout(b, SO_RCVTIMEO, 100);
  while (recv(b, data, sizeof data, 0) >= 0) kept++;
  close(a);
  close(b);
  return kept;
}

CASE(receive_queue_is_bounded) {
  int kept = kept_of_300(16384, 1200);
  result("%s", kept > 0 && kept < 100 ? "some kept, most dropped" : kept == 0 ? "none kept" : "too many kept");
}

CASE(receive_queue_is_bounded_for_tiny_datagrams) {
  int kept = kept_of_300(16384, 1);
  result("%s", kept > 0 && kept < 150 ? "some kept, most dropped" : kept == 0 ? "none kept" : "too many kept");
}

CASE(receive_queue_takes_what_was_asked_for) {
  result("%d of 300", kept_of_300(2000000, 1200));
}

int main(void) {
  RUN(recvfrom_names_the_sender);
  RUN(recvfrom_names_the_sender_ipv6);
  RUN(recv_cuts_a_datagram_and_drops_the_rest);
  RUN(recv_trunc_tells_the_whole_length);
  RUN(recv_peek_leaves_the_datagram);
  RUN(recv_peek_and_trunc_measure_the_next);
  RUN(recv_into_no_room_takes_the_datagram);
  RUN(recv_dontwait_nothing_there);
  RUN(recv_dontwait_something_there);
  RUN(recv_nonblocking_descriptor);
  RUN(recv_unbound_nonblocking);
  RUN(recv_time_limit);
  RUN(recv_time_limit_not_reached);
  RUN(recv_negative_time_limit_does_not_wait);
  RUN(recvfrom_cuts_the_address);
  RUN(recvfrom_address_without_length);
  RUN(recv_into_nowhere);
  RUN(recv_error_queue_is_empty);
  RUN(fionread_is_the_next_datagram);
  RUN(receive_queue_is_bounded);
  RUN(receive_queue_is_bounded_for_tiny_datagrams);
  RUN(receive_queue_takes_what_was_asked_for);
  return 0;
}
