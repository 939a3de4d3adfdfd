// What multicast groups deliver. It needs a network of its own, with an interface that carries multicast and is the
// default route: test/network.test.js makes one.
#include "../c/conformance.h"

// A socket on all addresses, on a port that it may share.
static int on_any(int family, int number) {
  int fd = udp(family), on = 1;
  timeout(fd, SO_RCVTIMEO, 2000);
  must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  Address any = family == AF_INET ? v4("0.0.0.0", number) : v6("::", number);
  must(bind(fd, &any.any, any.length), "bind");
  return fd;
}

static long membership(int fd, int option, const char *group) {
  struct ip_mreq request = {.imr_interface.s_addr = INADDR_ANY};
  inet_pton(AF_INET, group, &request.imr_multiaddr);
  return setsockopt(fd, IPPROTO_IP, option, &request, sizeof request);
}

static long membership6(int fd, int option, const char *group) {
  struct ipv6_mreq request = {.ipv6mr_interface = 0};
  inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr);
  return setsockopt(fd, IPPROTO_IPV6, option, &request, sizeof request);
}

static void join(int fd, const char *group) { must(membership(fd, IP_ADD_MEMBERSHIP, group), "IP_ADD_MEMBERSHIP"); }

static int port_of(int fd) {
  Address address = local(fd);
  return port(&address);
}

static void send_to(int fd, const char *text, Address address) {
  must(to(fd, text, strlen(text), address), "sendto");
}

// Everything that arrives until this: what was sent before and did not arrive will not.
static const char *until_end(int fd, int sender, Address direct) {
  static char texts[4][128];
  static int next;
  char *text = texts[next++ % 4];
  text[0] = 0;
  send_to(sender, "end", direct);
  for (;;) {
    const char *got = received(fd, 0);
    if (strcmp(got, "end") == 0) return text[0] ? text : "nothing";
    if (text[0]) strcat(text, " ");
    strcat(text, got);
    if (strcmp(got, "EAGAIN") == 0) return text;
  }
}

CASE(group_delivers_to_a_member) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0);
  join(member, "239.255.77.1");
  send_to(sender, "hello", v4("239.255.77.1", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group_not_joined_is_not_heard) {
  int other = on_any(AF_INET, 0), sender = on_any(AF_INET, 0);
  send_to(sender, "hello", v4("239.255.77.2", port_of(other)));
  result("%s", until_end(other, sender, v4("127.0.0.1", port_of(other))));
  close(other);
  close(sender);
}

CASE(group_left_is_not_heard_any_more) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0);
  join(member, "239.255.77.3");
  send_to(sender, "one", v4("239.255.77.3", port_of(member)));
  const char *before = received(member, 0);
  const char *left = outcome(membership(member, IP_DROP_MEMBERSHIP, "239.255.77.3"));
  send_to(sender, "two", v4("239.255.77.3", port_of(member)));
  result("%s, %s, %s", before, left, until_end(member, sender, v4("127.0.0.1", port_of(member))));
  close(member);
  close(sender);
}

CASE(group_joined_before_bind) {
  int member = udp(AF_INET), sender = on_any(AF_INET, 0);
  timeout(member, SO_RCVTIMEO, 2000);
  join(member, "239.255.77.4");
  Address any = v4("0.0.0.0", 0);
  must(bind(member, &any.any, any.length), "bind");
  send_to(sender, "hello", v4("239.255.77.4", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group_joined_twice) {
  int member = on_any(AF_INET, 0);
  join(member, "239.255.77.5");
  result("%s", outcome(membership(member, IP_ADD_MEMBERSHIP, "239.255.77.5")));
  close(member);
}

CASE(group_left_twice) {
  int member = on_any(AF_INET, 0);
  join(member, "239.255.77.6");
  const char *first = outcome(membership(member, IP_DROP_MEMBERSHIP, "239.255.77.6"));
  result("%s, %s", first, outcome(membership(member, IP_DROP_MEMBERSHIP, "239.255.77.6")));
  close(member);
}

CASE(group_joined_by_its_other_call) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0);
  struct group_req request = {.gr_interface = 0};
  Address group = v4("239.255.77.7", 0);
  memcpy(&request.gr_group, &group.v4, sizeof group.v4);
  must(setsockopt(member, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request), "MCAST_JOIN_GROUP");
  send_to(sender, "hello", v4("239.255.77.7", port_of(member)));
  const char *got = received(member, 0);
  result("%s, %s", got, outcome(setsockopt(member, IPPROTO_IP, MCAST_LEAVE_GROUP, &request, sizeof request)));
  close(member);
  close(sender);
}

CASE(group_with_loop_off_is_not_heard_here) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0);
  unsigned char off = 0;
  join(member, "239.255.77.8");
  must(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off), "IP_MULTICAST_LOOP");
  send_to(sender, "hello", v4("239.255.77.8", port_of(member)));
  result("%s", until_end(member, sender, v4("127.0.0.1", port_of(member))));
  close(member);
  close(sender);
}

CASE(group_with_loop_on_again) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0), value = 0;
  join(member, "239.255.77.9");
  must(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_LOOP, &value, sizeof value), "IP_MULTICAST_LOOP");
  value = 1;
  must(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_LOOP, &value, sizeof value), "IP_MULTICAST_LOOP");
  send_to(sender, "hello", v4("239.255.77.9", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group_membership_outlives_a_change_of_ttl) {
  int member = on_any(AF_INET, 0), sender = on_any(AF_INET, 0), ttl = 3;
  join(member, "239.255.77.10");
  must(setsockopt(member, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl), "IP_MULTICAST_TTL");
  send_to(sender, "hello", v4("239.255.77.10", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group_with_two_members_on_one_port) {
  int one = on_any(AF_INET, 0), two = on_any(AF_INET, port_of(one)), sender = on_any(AF_INET, 0);
  join(one, "239.255.77.11");
  join(two, "239.255.77.11");
  send_to(sender, "hello", v4("239.255.77.11", port_of(one)));
  const char *first = received(one, 0);
  result("%s, %s", first, received(two, 0));
  close(one);
  close(two);
  close(sender);
}

CASE(group_member_hears_itself) {
  int member = on_any(AF_INET, 0);
  join(member, "239.255.77.12");
  send_to(member, "hello", v4("239.255.77.12", port_of(member)));
  Address from = {.length = sizeof from.v6}, own = local(member);
  char text[8] = "";
  ssize_t length = recvfrom(member, text, sizeof text - 1, 0, &from.any, &from.length);
  result("%s, from %s port", length < 0 ? outcome(length) : text, port(&from) == port(&own) ? "its own" : "another");
  close(member);
}

CASE(group_as_peer) {
  int member = on_any(AF_INET, 0), sender = udp(AF_INET);
  join(member, "239.255.77.13");
  Address group = v4("239.255.77.13", port_of(member));
  must(connect(sender, &group.any, group.length), "connect");
  must(send(sender, "hello", 5, 0), "send");
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group_as_local_address) {
  int member = udp(AF_INET), sender = on_any(AF_INET, 0);
  timeout(member, SO_RCVTIMEO, 2000);
  Address group = v4("239.255.77.14", 0);
  must(bind(member, &group.any, group.length), "bind");
  join(member, "239.255.77.14");
  send_to(sender, "hello", v4("239.255.77.14", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

CASE(group6_delivers_to_a_member) {
  int member = on_any(AF_INET6, 0), sender = on_any(AF_INET6, 0);
  const char *joined = outcome(membership6(member, IPV6_JOIN_GROUP, "ff05::7701"));
  send_to(sender, "hello", v6("ff05::7701", port_of(member)));
  result("%s, %s", joined, received(member, 0));
  close(member);
  close(sender);
}

CASE(group6_left_is_not_heard_any_more) {
  int member = on_any(AF_INET6, 0), sender = on_any(AF_INET6, 0);
  must(membership6(member, IPV6_JOIN_GROUP, "ff05::7702"), "IPV6_JOIN_GROUP");
  const char *left = outcome(membership6(member, IPV6_LEAVE_GROUP, "ff05::7702"));
  send_to(sender, "hello", v6("ff05::7702", port_of(member)));
  result("%s, %s", left, until_end(member, sender, v6("::1", port_of(member))));
  close(member);
  close(sender);
}

CASE(group6_with_loop_off_is_not_heard_here) {
  int member = on_any(AF_INET6, 0), sender = on_any(AF_INET6, 0), off = 0;
  must(membership6(member, IPV6_JOIN_GROUP, "ff05::7703"), "IPV6_JOIN_GROUP");
  must(setsockopt(sender, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off), "IPV6_MULTICAST_LOOP");
  send_to(sender, "hello", v6("ff05::7703", port_of(member)));
  result("%s", until_end(member, sender, v6("::1", port_of(member))));
  close(member);
  close(sender);
}

CASE(group6_joined_by_its_other_call) {
  int member = on_any(AF_INET6, 0), sender = on_any(AF_INET6, 0);
  struct group_req request = {.gr_interface = 0};
  Address group = v6("ff05::7704", 0);
  memcpy(&request.gr_group, &group.v6, sizeof group.v6);
  must(setsockopt(member, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof request), "MCAST_JOIN_GROUP");
  send_to(sender, "hello", v6("ff05::7704", port_of(member)));
  result("%s", received(member, 0));
  close(member);
  close(sender);
}

int main(void) {
  RUN(group_delivers_to_a_member);
  RUN(group_not_joined_is_not_heard);
  RUN(group_left_is_not_heard_any_more);
  RUN(group_joined_before_bind);
  RUN(group_joined_twice);
  RUN(group_left_twice);
  RUN(group_joined_by_its_other_call);
  RUN(group_with_loop_off_is_not_heard_here);
  RUN(group_with_loop_on_again);
  RUN(group_membership_outlives_a_change_of_ttl);
  RUN(group_with_two_members_on_one_port);
  RUN(group_member_hears_itself);
  RUN(group_as_peer);
  RUN(group_as_local_address);
  RUN(group6_delivers_to_a_member);
  RUN(group6_left_is_not_heard_any_more);
  RUN(group6_with_loop_off_is_not_heard_here);
  RUN(group6_joined_by_its_other_call);
  return 0;
}
