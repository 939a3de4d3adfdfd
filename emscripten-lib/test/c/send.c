// send() and sendto(): destinations, sizes, and what a refused datagram leaves behind.
#include "conformance.h"

static char payload[70000];

CASE(sendto_arrives) {
  int a = bound(), b = bound();
  const char *sent = outcome(to(a, "hello", 5, local(b)));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_unbound_binds) {
  int a = udp(AF_INET), b = bound();
  const char *sent = outcome(to(a, "x", 1, local(b)));
  Address address = local(a);
  result("%s, %s, port %s", sent, host(&address), port(&address) ? "chosen" : "0");
  close(a);
  close(b);
}

CASE(sendto_unbound_nonblocking) {
  int a = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), b = bound();
  const char *sent = outcome(to(a, "x", 1, local(b)));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_ipv6) {
  int a = bound6(), b = bound6();
  const char *sent = outcome(to(a, "hello", 5, local(b)));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(send_without_destination) {
  int fd = bound();
  result("%s", outcome(send(fd, "x", 1, 0)));
  close(fd);
}

CASE(sendto_port_0) {
  int fd = bound();
  result("%s", outcome(to(fd, "x", 1, v4("127.0.0.1", 0))));
  close(fd);
}

CASE(sendto_short_address) {
  int fd = bound();
  Address address = v4("127.0.0.1", 9);
  result("%s", outcome(sendto(fd, "x", 1, 0, &address.any, 8)));
  close(fd);
}

CASE(sendto_wrong_family) {
  int fd = bound();
  result("%s", outcome(to(fd, "x", 1, v6("::1", 9))));
  close(fd);
}

CASE(sendto_unspecified_family) {
  int a = bound(), b = bound();
  Address address = local(b);
  address.any.sa_family = AF_UNSPEC;
  const char *sent = outcome(to(a, "x", 1, address));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_ipv6_socket_to_ipv4_address) {
  int a = udp(AF_INET6), b = bound();
  const char *sent = outcome(to(a, "x", 1, local(b)));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_ipv6_socket_to_mapped_address) {
  int a = udp(AF_INET6), b = bound();
  Address address = local(b);
  const char *sent = outcome(to(a, "x", 1, v6("::ffff:127.0.0.1", port(&address))));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_v6only_socket_to_ipv4_address) {
  int fd = udp(AF_INET6), on = 1;
  must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "setsockopt");
  const char *plain = outcome(to(fd, "x", 1, v4("127.0.0.1", 9)));
  result("%s %s", plain, outcome(to(fd, "x", 1, v6("::ffff:127.0.0.1", 9))));
  close(fd);
}

CASE(sendto_ipv6_socket_to_a_family_that_is_none) {
  int fd = bound6();
  Address address = v6("::1", 9);
  address.any.sa_family = AF_APPLETALK;
  result("%s", outcome(to(fd, "x", 1, address)));
  close(fd);
}

CASE(sendto_the_wildcard_is_loopback) {
  int a = bound(), b = bound();
  Address address = local(b);
  const char *sent = outcome(to(a, "x", 1, v4("0.0.0.0", port(&address))));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(sendto_broadcast_without_the_option) {
  int fd = udp(AF_INET);
  result("%s", outcome(to(fd, "x", 1, v4("255.255.255.255", 9))));
  close(fd);
}

CASE(send_empty_datagram) {
  int a = bound(), b = bound();
  ssize_t sent = to(a, "", 0, local(b));
  if (sent < 0) {
    result("%s", outcome(sent));
  } else {
    char byte;
    Address from = {.length = sizeof from.v6}, expected = local(a);
    const char *length = outcome(recvfrom(b, &byte, 1, 0, &from.any, &from.length));
    result("ok, received %s from the %s", length, same(&from, &expected) ? "sender" : "wrong address");
  }
  close(a);
  close(b);
}

CASE(send_longest_datagram) {
  int a = bound(), b = bound();
  const char *sent = outcome(to(a, payload, 65507, local(b)));
  result("sent %s, received %s", sent, outcome(recv(b, payload, sizeof payload, 0)));
  close(a);
  close(b);
}

CASE(send_one_byte_too_many) {
  int a = bound(), b = bound();
  result("%s", outcome(to(a, payload, 65508, local(b))));
  close(a);
  close(b);
}

CASE(send_far_too_much) {
  int a = bound(), b = bound();
  result("%s", outcome(to(a, payload, 70000, local(b))));
  close(a);
  close(b);
}

CASE(send_longest_datagram_ipv6) {
  int a = bound6(), b = bound6();
  const char *sent = outcome(to(a, payload, 65507, local(b)));
  result("sent %s, received %s", sent, outcome(recv(b, payload, sizeof payload, 0)));
  close(a);
  close(b);
}

CASE(send_too_much_ipv6) {
  int a = bound6(), b = bound6();
  result("%s", outcome(to(a, payload, 65528, local(b))));
  close(a);
  close(b);
}

CASE(send_refusals_leave_the_socket_working) {
  int a = bound(), b = bound();
  to(a, payload, 65508, local(b));
  to(a, "x", 1, v4("127.0.0.1", 0));
  to(a, "x", 1, v4("255.255.255.255", 9));
  pass(a, b, "still here");
  result("%s", received(b, 0));
  close(a);
  close(b);
}

CASE(send_out_of_band) {
  int a = bound(), b = bound();
  Address address = local(b);
  result("%s", outcome(sendto(a, "x", 1, MSG_OOB, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(send_flags_that_do_nothing) {
  int a = bound(), b = bound();
  Address address = local(b);
  const char *sent = outcome(sendto(a, "x", 1, MSG_NOSIGNAL | MSG_CONFIRM | MSG_DONTWAIT, &address.any, address.length));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(send_from_nowhere) {
  int a = bound(), b = bound();
  Address address = local(b);
  result("%s", outcome(sendto(a, NULL, 4, 0, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(send_reuses_the_buffer_at_once) {
  int a = bound(), b = bound();
  char data[] = "first";
  must(to(a, data, 5, local(b)), "sendto");
  memcpy(data, "XXXXX", 5);
  result("%s", received(b, 0));
  close(a);
  close(b);
}

CASE(send_keeps_the_order) {
  int a = bound(), b = bound(), ordered = 0;
  for (int i = 0; i < 50; i++) must(to(a, &i, sizeof i, local(b)), "sendto");
  for (int i = 0, got; i < 50; i++) {
    must(recv(b, &got, sizeof got, 0), "recv");
    ordered += got == i;
  }
  result("%d of 50", ordered);
  close(a);
  close(b);
}

CASE(send_and_close_still_arrives) {
  int a = bound(), b = bound();
  pass(a, b, "last words");
  close(a);
  result("%s", received(b, 0));
  close(b);
}

int main(void) {
  RUN(sendto_arrives);
  RUN(sendto_unbound_binds);
  RUN(sendto_unbound_nonblocking);
  RUN(sendto_ipv6);
  RUN(send_without_destination);
  RUN(sendto_port_0);
  RUN(sendto_short_address);
  RUN(sendto_wrong_family);
  RUN(sendto_unspecified_family);
  RUN(sendto_ipv6_socket_to_ipv4_address);
  RUN(sendto_ipv6_socket_to_mapped_address);
  RUN(sendto_v6only_socket_to_ipv4_address);
  RUN(sendto_ipv6_socket_to_a_family_that_is_none);
  RUN(sendto_the_wildcard_is_loopback);
  RUN(sendto_broadcast_without_the_option);
  RUN(send_empty_datagram);
  RUN(send_longest_datagram);
  RUN(send_one_byte_too_many);
  RUN(send_far_too_much);
  RUN(send_longest_datagram_ipv6);
  RUN(send_too_much_ipv6);
  RUN(send_refusals_leave_the_socket_working);
  RUN(send_out_of_band);
  RUN(send_flags_that_do_nothing);
  RUN(send_from_nowhere);
  RUN(send_reuses_the_buffer_at_once);
  RUN(send_keeps_the_order);
  RUN(send_and_close_still_arrives);
  return 0;
}
