// connect() on datagram sockets: the peer, the filter it sets, and undoing it.
#include "conformance.h"

static int connect_to(int fd, Address address) { return connect(fd, &address.any, address.length); }

static int disconnect(int fd) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  return connect(fd, &none, sizeof none);
}

// Linux lets go of a port at disconnect unless the program named it.
static int bound_to_a_named_port(void) {
  int fd = bound();
  Address address = local(fd);
  close(fd);
  fd = udp(AF_INET);
  must(bind(fd, &address.any, address.length), "bind");
  return fd;
}

CASE(connect_names_the_peer) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  Address peer = {.length = sizeof peer.v6}, expected = local(b);
  const char *named = outcome(getpeername(a, &peer.any, &peer.length));
  result("%s, %s, length %d", named, same(&peer, &expected) ? "right" : "wrong", (int)peer.length);
  close(a);
  close(b);
}

CASE(connect_binds_and_chooses_the_source) {
  int a = udp(AF_INET), b = bound();
  const char *connected = outcome(connect_to(a, local(b)));
  Address address = local(a);
  result("%s, %s, port %s", connected, host(&address), port(&address) ? "chosen" : "0");
  close(a);
  close(b);
}

CASE(connect_ipv6) {
  int a = udp(AF_INET6), b = bound6();
  const char *connected = outcome(connect_to(a, local(b)));
  Address address = local(a);
  result("%s, %s, port %s", connected, host(&address), port(&address) ? "chosen" : "0");
  close(a);
  close(b);
}

CASE(connect_nonblocking_succeeds_at_once) {
  int a = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), b = bound();
  const char *connected = outcome(connect_to(a, local(b)));
  result("%s, send %s", connected, outcome(send(a, "x", 1, 0)));
  arrive(b);
  close(a);
  close(b);
}

CASE(connected_send_and_receive) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  must(send(a, "ping", 4, 0), "send");
  Address from = {.length = sizeof from.v6}, expected = local(a);
  char data[8];
  const char *length = outcome(recvfrom(b, data, sizeof data, 0, &from.any, &from.length));
  must(to(b, "pong", 4, from), "sendto");
  result("%s from the %s, %s", length, same(&from, &expected) ? "peer" : "stranger", received(a, 0));
  close(a);
  close(b);
}

CASE(connected_does_not_hear_strangers) {
  int a = bound(), b = bound(), stranger = bound();
  must(connect_to(a, local(b)), "connect");
  pass(stranger, a, "stranger");
  pass(b, a, "peer");
  const char *first = received(a, 0);
  result("%s, then %s", first, received(a, MSG_DONTWAIT));
  close(a);
  close(b);
  close(stranger);
}

CASE(connect_keeps_what_came_before) {
  int a = bound(), b = bound(), stranger = bound();
  pass(stranger, a, "before");
  arrive(a);
  must(connect_to(a, local(b)), "connect");
  result("%s", received(a, MSG_DONTWAIT));
  close(a);
  close(b);
  close(stranger);
}

CASE(connected_sends_elsewhere_when_told) {
  int a = bound(), b = bound(), c = bound();
  must(connect_to(a, local(b)), "connect");
  const char *sent = outcome(to(a, "x", 1, local(c)));
  result("%s, %s", sent, received(c, 0));
  close(a);
  close(b);
  close(c);
}

CASE(connect_again_changes_the_peer) {
  int a = bound(), b = bound(), c = bound();
  must(connect_to(a, local(b)), "connect");
  const char *again = outcome(connect_to(a, local(c)));
  must(send(a, "x", 1, 0), "send");
  result("%s, %s", again, received(c, 0));
  close(a);
  close(b);
  close(c);
}

CASE(disconnect_forgets_the_peer) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  const char *undone = outcome(disconnect(a));
  Address peer = {.length = sizeof peer.v6};
  const char *name = outcome(getpeername(a, &peer.any, &peer.length));
  result("%s, getpeername %s, send %s", undone, name, outcome(send(a, "x", 1, 0)));
  close(a);
  close(b);
}

CASE(disconnect_hears_everyone_again) {
  int a = bound_to_a_named_port(), b = bound(), c = bound();
  must(connect_to(a, local(b)), "connect");
  must(disconnect(a), "disconnect");
  pass(c, a, "x");
  result("%s", received(a, 0));
  close(a);
  close(b);
  close(c);
}

CASE(disconnect_keeps_a_named_port) {
  int a = bound_to_a_named_port(), b = bound();
  Address before = local(a);
  must(connect_to(a, local(b)), "connect");
  must(disconnect(a), "disconnect");
  Address after = local(a);
  result("port %s", port(&before) == port(&after) ? "kept" : "lost");
  close(a);
  close(b);
}

CASE(disconnect_gives_a_chosen_port_back) {
  int a = udp(AF_INET), b = bound();
  must(connect_to(a, local(b)), "connect");
  must(disconnect(a), "disconnect");
  Address address = local(a);
  result("%s port %d", host(&address), port(&address));
  close(a);
  close(b);
}

CASE(disconnect_gives_an_ephemeral_port_back) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  must(disconnect(a), "disconnect");
  Address address = local(a);
  result("%s port %d", host(&address), port(&address));
  close(a);
  close(b);
}

CASE(disconnect_and_send_binds_again) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  must(disconnect(a), "disconnect");
  const char *sent = outcome(to(a, "x", 1, local(b)));
  Address address = local(a);
  result("%s, %s, port %s", sent, host(&address), port(&address) ? "chosen" : "0");
  close(a);
  close(b);
}

CASE(disconnect_unconnected) {
  int fd = bound();
  result("%s", outcome(disconnect(fd)));
  close(fd);
}

CASE(connect_to_the_wildcard_is_loopback) {
  int a = bound(), b = bound();
  Address address = local(b);
  must(connect_to(a, v4("0.0.0.0", port(&address))), "connect");
  Address peer = {.length = sizeof peer.v6};
  must(getpeername(a, &peer.any, &peer.length), "getpeername");
  result("%s", host(&peer));
  close(a);
  close(b);
}

CASE(connect_to_broadcast_without_the_option) {
  int fd = udp(AF_INET);
  result("%s", outcome(connect_to(fd, v4("255.255.255.255", 9))));
  close(fd);
}

CASE(connect_short_address) {
  int fd = udp(AF_INET);
  Address address = v4("127.0.0.1", 9);
  result("%s", outcome(connect(fd, &address.any, 8)));
  close(fd);
}

CASE(connect_wrong_family) {
  int fd = udp(AF_INET);
  result("%s", outcome(connect_to(fd, v6("::1", 9))));
  close(fd);
}

CASE(connect_ipv6_to_ipv4) {
  int a = udp(AF_INET6), b = bound();
  const char *connected = outcome(connect_to(a, local(b)));
  Address peer = {.length = sizeof peer.v6};
  must(getpeername(a, &peer.any, &peer.length), "getpeername");
  must(send(a, "x", 1, 0), "send");
  result("%s, peer %s, %s", connected, host(&peer), received(b, 0));
  close(a);
  close(b);
}

CASE(connect_v6only_to_mapped_ipv4) {
  int fd = udp(AF_INET6), on = 1;
  must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "setsockopt");
  result("%s", outcome(connect_to(fd, v6("::ffff:127.0.0.1", 9))));
  close(fd);
}

CASE(getpeername_unconnected) {
  int fd = bound();
  Address peer = {.length = sizeof peer.v6};
  result("%s", outcome(getpeername(fd, &peer.any, &peer.length)));
  close(fd);
}

// The ICMP error of a closed port comes back to a connected socket.
CASE(connected_to_a_closed_port) {
  int a = bound(), b = bound();
  must(connect_to(a, local(b)), "connect");
  close(b);
  must(send(a, "x", 1, 0), "send");
  timeout(a, SO_RCVTIMEO, 50);
  result("%s", received(a, 0));
  close(a);
}

int main(void) {
  RUN(connect_names_the_peer);
  RUN(connect_binds_and_chooses_the_source);
  RUN(connect_ipv6);
  RUN(connect_nonblocking_succeeds_at_once);
  RUN(connected_send_and_receive);
  RUN(connected_does_not_hear_strangers);
  RUN(connect_keeps_what_came_before);
  RUN(connected_sends_elsewhere_when_told);
  RUN(connect_again_changes_the_peer);
  RUN(disconnect_forgets_the_peer);
  RUN(disconnect_hears_everyone_again);
  RUN(disconnect_keeps_a_named_port);
  RUN(disconnect_gives_a_chosen_port_back);
  RUN(disconnect_gives_an_ephemeral_port_back);
  RUN(disconnect_and_send_binds_again);
  RUN(disconnect_unconnected);
  RUN(connect_to_the_wildcard_is_loopback);
  RUN(connect_to_broadcast_without_the_option);
  RUN(connect_short_address);
  RUN(connect_wrong_family);
  RUN(connect_ipv6_to_ipv4);
  RUN(connect_v6only_to_mapped_ipv4);
  RUN(getpeername_unconnected);
  RUN(connected_to_a_closed_port);
  return 0;
}
