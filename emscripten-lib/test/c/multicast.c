// The options of multicast and broadcast: what they hold, and what they refuse. No group is joined here except on the
// loopback interface: what groups deliver takes a network of its own (test/network).
#include "conformance.h"

#include <stddef.h>

static const char *set(int fd, int level, int option, const void *value, socklen_t length) {
  return outcome(setsockopt(fd, level, option, value, length));
}

static const char *set_int(int fd, int level, int option, int value) {
  return set(fd, level, option, &value, sizeof value);
}

static int get_int(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  must(getsockopt(fd, level, option, &value, &length), "getsockopt");
  return value;
}

static struct ip_mreq membership(const char *group, const char *interface) {
  struct ip_mreq request;
  inet_pton(AF_INET, group, &request.imr_multiaddr);
  inet_pton(AF_INET, interface, &request.imr_interface);
  return request;
}

CASE(multicast_defaults) {
  int fd = udp(AF_INET);
  int ttl = get_int(fd, IPPROTO_IP, IP_MULTICAST_TTL), loop = get_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP);
  struct in_addr interface = {1};
  socklen_t length = sizeof interface;
  must(getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, &length), "IP_MULTICAST_IF");
  result("%d, %d, %s", ttl, loop, inet_ntoa(interface));
  close(fd);
}

CASE(multicast_ttl) {
  int fd = udp(AF_INET);
  const char *done = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 33);
  result("%s, %d", done, get_int(fd, IPPROTO_IP, IP_MULTICAST_TTL));
  close(fd);
}

CASE(multicast_ttl_of_one_byte) {
  int fd = udp(AF_INET);
  unsigned char ttl = 200, got = 0;
  const char *done = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);
  socklen_t length = sizeof got;
  must(getsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &got, &length), "getsockopt");
  result("%s, %d, %u", done, got, length);
  close(fd);
}

CASE(multicast_ttl_left_to_the_system) {
  int fd = udp(AF_INET);
  set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 9);
  const char *done = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, -1);
  result("%s, %d", done, get_int(fd, IPPROTO_IP, IP_MULTICAST_TTL));
  close(fd);
}

CASE(multicast_ttl_out_of_range) {
  int fd = udp(AF_INET);
  const char *big = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 256);
  result("%s, %s", big, set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, -2));
  close(fd);
}

CASE(multicast_ttl_after_bind_keeps_the_port) {
  int fd = bound();
  Address before = local(fd);
  const char *done = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 4);
  Address after = local(fd);
  result("%s, %d, %s", done, get_int(fd, IPPROTO_IP, IP_MULTICAST_TTL), same(&before, &after) ? "same" : "another");
  close(fd);
}

CASE(multicast_ttl_after_bind_receives_and_sends_on) {
  int a = bound(), b = bound();
  must(to(a, "before", 6, local(b)), "sendto");
  set_int(a, IPPROTO_IP, IP_MULTICAST_TTL, 4);
  pass(a, b, "after");
  const char *one = received(b, 0), *two = received(b, 0);
  pass(b, a, "answer");
  result("%s, %s, %s", one, two, received(a, 0));
  close(a);
  close(b);
}

CASE(multicast_loop) {
  int fd = udp(AF_INET);
  unsigned char off = 0;
  const char *done = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
  int got = get_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP);
  const char *again = set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 5);
  result("%s, %d, %s, %d", done, got, again, get_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP));
  close(fd);
}

CASE(multicast_any_interface) {
  int fd = udp(AF_INET);
  struct in_addr any = {INADDR_ANY};
  result("%s", set(fd, IPPROTO_IP, IP_MULTICAST_IF, &any, sizeof any));
  close(fd);
}

CASE(multicast_named_interface) {
  int fd = udp(AF_INET);
  struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  result("%s", set(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback));
  close(fd);
}

CASE(multicast_join_on_a_named_interface) {
  int fd = udp(AF_INET);
  struct ip_mreq request = membership("239.255.77.1", "127.0.0.1");
  result("%s", set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  close(fd);
}

CASE(multicast_join_what_is_no_group) {
  int fd = udp(AF_INET);
  struct ip_mreq request = membership("127.0.0.1", "0.0.0.0");
  result("%s", set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
  close(fd);
}

CASE(multicast_join_cut_short) {
  int fd = udp(AF_INET);
  struct ip_mreq request = membership("239.255.77.1", "0.0.0.0");
  result("%s", set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, 4));
  close(fd);
}

CASE(multicast_join_from_nowhere) {
  int fd = udp(AF_INET);
  result("%s", set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, NULL, sizeof(struct ip_mreq)));
  close(fd);
}

CASE(multicast_leave_what_was_not_joined) {
  int fd = udp(AF_INET);
  struct ip_mreq request = membership("239.255.77.1", "127.0.0.1");
  result("%s", set(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
  close(fd);
}

CASE(multicast_membership_cannot_be_read) {
  int fd = udp(AF_INET);
  struct ip_mreq request;
  socklen_t length = sizeof request;
  result("%s", outcome(getsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, &length)));
  close(fd);
}

CASE(multicast_of_one_source) {
  int fd = udp(AF_INET);
  struct ip_mreq_source request;
  inet_pton(AF_INET, "232.1.77.1", &request.imr_multiaddr);
  inet_pton(AF_INET, "127.0.0.1", &request.imr_interface);
  inet_pton(AF_INET, "127.0.0.1", &request.imr_sourceaddr);
  result("%s", set(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &request, sizeof request));
  close(fd);
}

CASE(multicast6_defaults) {
  int fd = udp(AF_INET6);
  int hops = get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), loop = get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP);
  result("%d, %d, %d", hops, loop, get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF));
  close(fd);
}

CASE(multicast6_hops) {
  int fd = udp(AF_INET6);
  const char *done = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 33);
  int got = get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS);
  const char *big = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 256);
  result("%s, %d, %s", done, got, big);
  close(fd);
}

CASE(multicast6_hops_left_to_the_system) {
  int fd = udp(AF_INET6);
  const char *done = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -1);
  result("%s, %d", done, get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
  close(fd);
}

CASE(multicast6_loop) {
  int fd = udp(AF_INET6);
  const char *done = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  int got = get_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP);
  result("%s, %d, %s", done, got, set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 2));
  close(fd);
}

CASE(multicast6_join_what_is_no_group) {
  int fd = udp(AF_INET6);
  struct ipv6_mreq request = {0};
  inet_pton(AF_INET6, "::1", &request.ipv6mr_multiaddr);
  result("%s", set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request));
  close(fd);
}

CASE(multicast6_leave_what_was_not_joined) {
  int fd = udp(AF_INET6);
  struct ipv6_mreq request = {0};
  inet_pton(AF_INET6, "ff05::77", &request.ipv6mr_multiaddr);
  result("%s", set(fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request));
  close(fd);
}

CASE(multicast4_option_on_an_ipv6_socket) {
  int fd = udp(AF_INET6);
  result("%s", set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 2));
  close(fd);
}

CASE(multicast6_option_on_an_ipv4_socket) {
  int fd = udp(AF_INET);
  result("%s", set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 2));
  close(fd);
}

CASE(broadcast_to_loopback) {
  int a = bound(), b = udp(AF_INET), on = 1;
  Address any = v4("0.0.0.0", 0);
  must(bind(b, &any.any, any.length), "bind");
  timeout(b, SO_RCVTIMEO, 1000);
  const char *may = outcome(setsockopt(a, SOL_SOCKET, SO_BROADCAST, &on, sizeof on));
  ssize_t sent = to(a, "all", 3, v4("127.255.255.255", port((Address[]){local(b)})));
  const char *how = outcome(sent);
  result("%s, %s, %s", may, how, sent < 0 ? "nothing" : received(b, 0));
  close(a);
  close(b);
}

CASE(broadcast_to_loopback_without_the_option) {
  int a = bound();
  result("%s", outcome(to(a, "all", 3, v4("127.255.255.255", 9))));
  close(a);
}

CASE(broadcast_option_taken_back) {
  int a = bound(), on = 1, off = 0;
  setsockopt(a, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  setsockopt(a, SOL_SOCKET, SO_BROADCAST, &off, sizeof off);
  result("%s", outcome(to(a, "all", 3, v4("127.255.255.255", 9))));
  close(a);
}

static int sharing(int option, Address address) {
  int fd = udp(AF_INET), on = 1;
  timeout(fd, SO_RCVTIMEO, 5000);
  must(setsockopt(fd, SOL_SOCKET, option, &on, sizeof on), "setsockopt");
  return bind(fd, &address.any, address.length) < 0 ? -1 : fd;
}

CASE(reuseport_lets_two_sockets_share_a_port) {
  int a = sharing(SO_REUSEPORT, v4("127.0.0.1", 0)), b = sharing(SO_REUSEPORT, local(a));
  result("%s", b < 0 ? outcome(b) : "ok");
  close(a);
  close(b);
}

CASE(reuseport_does_not_share_with_one_that_does_not) {
  int a = bound(), b = sharing(SO_REUSEPORT, local(a));
  result("%s", b < 0 ? outcome(b) : "ok");
  close(a);
  close(b);
}

CASE(shared_port_that_does_not_allow_a_third) {
  int a = sharing(SO_REUSEADDR, v4("127.0.0.1", 0)), b = sharing(SO_REUSEADDR, local(a)), c = udp(AF_INET);
  Address address = local(a);
  result("%s, %s", b < 0 ? outcome(b) : "ok", outcome(bind(c, &address.any, address.length)));
  close(a);
  close(b);
  close(c);
}

CASE(shared_port_goes_on_when_one_closes) {
  int a = sharing(SO_REUSEADDR, v4("127.0.0.1", 0)), b = sharing(SO_REUSEADDR, local(a)), c = bound();
  must(b, "bind");
  close(a);
  // The browser closes in its own time, and until then the closed one may get a datagram.
  timeout(b, SO_RCVTIMEO, 100);
  const char *got = "";
  for (int i = 0; i < 50 && strcmp(got, "still there") != 0; i++) {
    pass(c, b, "still there");
    got = received(b, 0);
  }
  result("%s", got);
  close(b);
  close(c);
}

CASE(reuseport_of_a_stream) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  result("%s", set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  close(fd);
}

int main(void) {
  RUN(multicast_defaults);
  RUN(multicast_ttl);
  RUN(multicast_ttl_of_one_byte);
  RUN(multicast_ttl_left_to_the_system);
  RUN(multicast_ttl_out_of_range);
  RUN(multicast_ttl_after_bind_keeps_the_port);
  RUN(multicast_ttl_after_bind_receives_and_sends_on);
  RUN(multicast_loop);
  RUN(multicast_any_interface);
  RUN(multicast_named_interface);
  RUN(multicast_join_on_a_named_interface);
  RUN(multicast_join_what_is_no_group);
  RUN(multicast_join_cut_short);
  RUN(multicast_join_from_nowhere);
  RUN(multicast_leave_what_was_not_joined);
  RUN(multicast_membership_cannot_be_read);
  RUN(multicast_of_one_source);
  RUN(multicast6_defaults);
  RUN(multicast6_hops);
  RUN(multicast6_hops_left_to_the_system);
  RUN(multicast6_loop);
  RUN(multicast6_join_what_is_no_group);
  RUN(multicast6_leave_what_was_not_joined);
  RUN(multicast4_option_on_an_ipv6_socket);
  RUN(multicast6_option_on_an_ipv4_socket);
  RUN(broadcast_to_loopback);
  RUN(broadcast_to_loopback_without_the_option);
  RUN(broadcast_option_taken_back);
  RUN(reuseport_lets_two_sockets_share_a_port);
  RUN(reuseport_does_not_share_with_one_that_does_not);
  RUN(shared_port_that_does_not_allow_a_third);
  RUN(shared_port_goes_on_when_one_closes);
  RUN(reuseport_of_a_stream);
  return 0;
}
