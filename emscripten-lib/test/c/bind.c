// bind(): local addresses and ports, and getsockname() after it.
#include "conformance.h"

CASE(bind_ephemeral_port) {
  int fd = bound();
  Address address = local(fd);
  result("%s, port %s", host(&address), port(&address) ? "chosen" : "0");
  close(fd);
}

CASE(bind_wildcard) {
  int fd = udp(AF_INET);
  Address address = v4("0.0.0.0", 0);
  const char *bound_ = outcome(bind(fd, &address.any, address.length));
  address = local(fd);
  result("%s, %s, port %s", bound_, host(&address), port(&address) ? "chosen" : "0");
  close(fd);
}

CASE(bind_given_port) {
  int fd = bound();
  Address address = local(fd);
  close(fd);
  fd = udp(AF_INET);
  const char *bound_ = outcome(bind(fd, &address.any, address.length));
  Address got = local(fd);
  result("%s, %s", bound_, same(&address, &got) ? "same port" : "another port");
  close(fd);
}

CASE(bind_port_in_use) {
  int a = bound(), b = udp(AF_INET);
  Address address = local(a);
  result("%s", outcome(bind(b, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(bind_again_after_failure) {
  int a = bound(), b = udp(AF_INET);
  Address address = local(a);
  int first = bind(b, &address.any, address.length);
  const char *failed = outcome(first);
  address = v4("127.0.0.1", 0);
  result("%s, then %s", failed, outcome(bind(b, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(bind_nonblocking_port_in_use) {
  int a = bound(), b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  Address address = local(a);
  result("%s", outcome(bind(b, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(bind_twice) {
  int fd = bound();
  Address address = v4("127.0.0.1", 0);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_address_of_another_machine) {
  int fd = udp(AF_INET);
  Address address = v4("192.0.2.1", 0);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_address_of_another_machine_with_port) {
  int fd = bound();
  Address address = local(fd);
  address = v4("192.0.2.1", port(&address));
  close(fd);
  fd = udp(AF_INET);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_wrong_family) {
  int fd = udp(AF_INET);
  Address address = v6("::1", 0);
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_wrong_family_ipv6) {
  int fd = udp(AF_INET6);
  Address address = v6("::1", 0);
  address.any.sa_family = AF_INET;
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_unspecified_family_to_the_wildcard) {
  int fd = udp(AF_INET);
  Address address = v4("0.0.0.0", 0);
  address.any.sa_family = AF_UNSPEC;
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_unspecified_family_to_an_address) {
  int fd = udp(AF_INET);
  Address address = v4("127.0.0.1", 0);
  address.any.sa_family = AF_UNSPEC;
  result("%s", outcome(bind(fd, &address.any, address.length)));
  close(fd);
}

CASE(bind_short_address) {
  int fd = udp(AF_INET);
  Address address = v4("127.0.0.1", 0);
  result("%s", outcome(bind(fd, &address.any, 8)));
  close(fd);
}

CASE(bind_short_address_ipv6) {
  int fd = udp(AF_INET6);
  Address address = v6("::1", 0);
  result("%s", outcome(bind(fd, &address.any, 16)));
  close(fd);
}

CASE(bind_ipv6_loopback) {
  int fd = bound6();
  Address address = local(fd);
  result("%s, port %s, length %d", host(&address), port(&address) ? "chosen" : "0", (int)address.length);
  close(fd);
}

CASE(bind_ipv6_wildcard_hears_ipv4) {
  int fd = udp(AF_INET6), sender = bound();
  Address address = v6("::", 0);
  must(bind(fd, &address.any, address.length), "bind");
  Address here = local(fd), source = local(sender), from = {.length = sizeof from.v6};
  must(to(sender, "x", 1, v4("127.0.0.1", port(&here))), "sendto");
  char byte;
  const char *length = outcome(recvfrom(fd, &byte, 1, 0, &from.any, &from.length));
  result("%s from %s, port %s", length, host(&from), port(&from) == port(&source) ? "right" : "wrong");
  close(fd);
  close(sender);
}

CASE(bind_v6only_leaves_the_ipv4_port_free) {
  int a = udp(AF_INET6), b = udp(AF_INET), on = 1;
  must(setsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "setsockopt");
  Address address = v6("::", 0);
  must(bind(a, &address.any, address.length), "bind");
  address = local(a);
  address = v4("0.0.0.0", port(&address));
  result("%s", outcome(bind(b, &address.any, address.length)));
  close(a);
  close(b);
}

CASE(getsockname_cuts_to_the_room_given) {
  int fd = bound();
  unsigned char bytes[32];
  memset(bytes, 0xee, sizeof bytes);
  socklen_t length = 4;
  const char *named = outcome(getsockname(fd, (struct sockaddr *)bytes, &length));
  result("%s, length %d, byte 4 %s", named, (int)length, bytes[4] == 0xee ? "untouched" : "written");
  close(fd);
}

CASE(getsockname_negative_length) {
  int fd = bound();
  Address address;
  socklen_t length = (socklen_t)-1;
  result("%s", outcome(getsockname(fd, &address.any, &length)));
  close(fd);
}

int main(void) {
  RUN(bind_ephemeral_port);
  RUN(bind_wildcard);
  RUN(bind_given_port);
  RUN(bind_port_in_use);
  RUN(bind_again_after_failure);
  RUN(bind_nonblocking_port_in_use);
  RUN(bind_twice);
  RUN(bind_address_of_another_machine);
  RUN(bind_address_of_another_machine_with_port);
  RUN(bind_wrong_family);
  RUN(bind_wrong_family_ipv6);
  RUN(bind_unspecified_family_to_the_wildcard);
  RUN(bind_unspecified_family_to_an_address);
  RUN(bind_short_address);
  RUN(bind_short_address_ipv6);
  RUN(bind_ipv6_loopback);
  RUN(bind_ipv6_wildcard_hears_ipv4);
  RUN(bind_v6only_leaves_the_ipv4_port_free);
  RUN(getsockname_cuts_to_the_room_given);
  RUN(getsockname_negative_length);
  return 0;
}
