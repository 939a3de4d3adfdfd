// setsockopt() and getsockopt().
#include "conformance.h"

static const char *get(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  int got = getsockopt(fd, level, name, &value, &length);
  if (got < 0) return outcome(got);
  static char texts[4][16];
  static int next;
  char *text = texts[next++ % 4];
  snprintf(text, sizeof texts[0], "%d", value);
  return text;
}

static const char *set(int fd, int level, int name, int value) {
  return outcome(setsockopt(fd, level, name, &value, sizeof value));
}

CASE(option_rcvbuf_reports_the_double) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, SO_RCVBUF, 65536);
  result("%s, %s", done, get(fd, SOL_SOCKET, SO_RCVBUF));
  close(fd);
}

CASE(option_rcvbuf_has_a_least) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, SO_RCVBUF, 1);
  result("%s, %s", done, get(fd, SOL_SOCKET, SO_RCVBUF));
  close(fd);
}

CASE(option_sndbuf_reports_the_double) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, SO_SNDBUF, 65536);
  result("%s, %s", done, get(fd, SOL_SOCKET, SO_SNDBUF));
  close(fd);
}

CASE(option_sndbuf_has_a_least) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, SO_SNDBUF, 1);
  result("%s, %s", done, get(fd, SOL_SOCKET, SO_SNDBUF));
  close(fd);
}

CASE(option_buffers_of_a_fresh_socket) {
  int fd = udp(AF_INET);
  const char *receive = get(fd, SOL_SOCKET, SO_RCVBUF);
  result("%s %s", receive, get(fd, SOL_SOCKET, SO_SNDBUF));
  close(fd);
}

CASE(option_reuseaddr) {
  int fd = udp(AF_INET);
  const char *before = get(fd, SOL_SOCKET, SO_REUSEADDR);
  const char *done = set(fd, SOL_SOCKET, SO_REUSEADDR, 7);
  result("%s, %s, %s", before, done, get(fd, SOL_SOCKET, SO_REUSEADDR));
  close(fd);
}

CASE(option_broadcast) {
  int fd = udp(AF_INET);
  const char *before = get(fd, SOL_SOCKET, SO_BROADCAST);
  const char *done = set(fd, SOL_SOCKET, SO_BROADCAST, 1);
  result("%s, %s, %s", before, done, get(fd, SOL_SOCKET, SO_BROADCAST));
  close(fd);
}

CASE(option_keepalive_means_nothing_but_is_kept) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  result("%s, %s", done, get(fd, SOL_SOCKET, SO_KEEPALIVE));
  close(fd);
}

CASE(option_error_of_a_fresh_socket) {
  int fd = udp(AF_INET);
  result("%s", get(fd, SOL_SOCKET, SO_ERROR));
  close(fd);
}

CASE(option_rcvtimeo_round_trip) {
  int fd = udp(AF_INET);
  struct timeval time = {.tv_sec = 3, .tv_usec = 500000};
  must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), "setsockopt");
  memset(&time, 0, sizeof time);
  socklen_t length = sizeof time;
  const char *got = outcome(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
  result("%s, %d s %d us, length %s", got, (int)time.tv_sec, (int)time.tv_usec,
    length == sizeof time ? "right" : "wrong");
  close(fd);
}

CASE(option_rcvtimeo_in_less_room) {
  int fd = udp(AF_INET);
  timeout(fd, SO_RCVTIMEO, 3500);
  struct timeval time = {.tv_usec = 4711};
  socklen_t length = sizeof time.tv_sec;
  const char *got = outcome(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
  result("%s, %d s, %d, length %s", got, (int)time.tv_sec, (int)time.tv_usec,
    length == sizeof time.tv_sec ? "as it was" : "another");
  close(fd);
}

CASE(option_sndtimeo_round_trip) {
  int fd = udp(AF_INET);
  timeout(fd, SO_SNDTIMEO, 1500);
  struct timeval time = {0};
  socklen_t length = sizeof time;
  const char *got = outcome(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &length));
  result("%s, %d s %d us", got, (int)time.tv_sec, (int)time.tv_usec);
  close(fd);
}

CASE(option_rcvtimeo_microseconds_out_of_range) {
  int fd = udp(AF_INET);
  struct timeval time = {.tv_usec = 1000000};
  result("%s", outcome(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time)));
  close(fd);
}

CASE(option_rcvtimeo_too_short) {
  int fd = udp(AF_INET);
  struct timeval time = {0};
  result("%s", outcome(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, 4)));
  close(fd);
}

CASE(option_too_short) {
  int fd = udp(AF_INET), value = 1;
  result("%s", outcome(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, 2)));
  close(fd);
}

CASE(option_at_nowhere) {
  int fd = udp(AF_INET);
  result("%s", outcome(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, NULL, sizeof(int))));
  close(fd);
}

CASE(option_unknown) {
  int fd = udp(AF_INET);
  const char *done = set(fd, SOL_SOCKET, 9999, 1);
  result("%s %s", done, get(fd, SOL_SOCKET, 9999));
  close(fd);
}

CASE(option_unknown_level) {
  int fd = udp(AF_INET);
  result("%s", set(fd, 9999, 1, 1));
  close(fd);
}

CASE(option_type_cannot_be_set) {
  int fd = udp(AF_INET);
  result("%s", set(fd, SOL_SOCKET, SO_TYPE, SOCK_STREAM));
  close(fd);
}

CASE(option_error_cannot_be_set) {
  int fd = udp(AF_INET);
  result("%s", set(fd, SOL_SOCKET, SO_ERROR, 5));
  close(fd);
}

CASE(option_v6only) {
  int fd = udp(AF_INET6);
  const char *before = get(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  const char *done = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  result("%s, %s, %s", before, done, get(fd, IPPROTO_IPV6, IPV6_V6ONLY));
  close(fd);
}

CASE(option_v6only_after_bind) {
  int fd = bound6();
  result("%s", set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  close(fd);
}

CASE(option_v6only_on_an_ipv4_socket) {
  int fd = udp(AF_INET);
  result("%s", set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  close(fd);
}

CASE(getsockopt_cuts_to_the_room_given) {
  int fd = udp(AF_INET);
  unsigned char value[4] = {0xee, 0xee, 0xee, 0xee};
  socklen_t length = 1;
  const char *got = outcome(getsockopt(fd, SOL_SOCKET, SO_TYPE, value, &length));
  result("%s, length %d, %d, next byte %s", got, (int)length, value[0], value[1] == 0xee ? "untouched" : "written");
  close(fd);
}

CASE(getsockopt_negative_room) {
  int fd = udp(AF_INET), value;
  socklen_t length = (socklen_t)-1;
  result("%s", outcome(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length)));
  close(fd);
}

CASE(option_ttl) {
  int fd = udp(AF_INET);
  const char *done = set(fd, IPPROTO_IP, IP_TTL, 5);
  result("%s, %s", done, get(fd, IPPROTO_IP, IP_TTL));
  close(fd);
}

CASE(option_reuseport) {
  int fd = udp(AF_INET);
  result("%s", set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  close(fd);
}

CASE(reuseaddr_lets_two_sockets_share_a_port) {
  int a = udp(AF_INET), b = udp(AF_INET), on = 1;
  must(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt");
  must(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt");
  Address address = v4("127.0.0.1", 0);
  must(bind(a, &address.any, address.length), "bind");
  address = local(a);
  result("%s", outcome(bind(b, &address.any, address.length)));
  close(a);
  close(b);
}

int main(void) {
  RUN(option_rcvbuf_reports_the_double);
  RUN(option_rcvbuf_has_a_least);
  RUN(option_sndbuf_reports_the_double);
  RUN(option_sndbuf_has_a_least);
  RUN(option_buffers_of_a_fresh_socket);
  RUN(option_reuseaddr);
  RUN(option_broadcast);
  RUN(option_keepalive_means_nothing_but_is_kept);
  RUN(option_error_of_a_fresh_socket);
  RUN(option_rcvtimeo_round_trip);
  RUN(option_rcvtimeo_in_less_room);
  RUN(option_sndtimeo_round_trip);
  RUN(option_rcvtimeo_microseconds_out_of_range);
  RUN(option_rcvtimeo_too_short);
  RUN(option_too_short);
  RUN(option_at_nowhere);
  RUN(option_unknown);
  RUN(option_unknown_level);
  RUN(option_type_cannot_be_set);
  RUN(option_error_cannot_be_set);
  RUN(option_v6only);
  RUN(option_v6only_after_bind);
  RUN(option_v6only_on_an_ipv4_socket);
  RUN(getsockopt_cuts_to_the_room_given);
  RUN(getsockopt_negative_room);
  RUN(option_ttl);
  RUN(option_reuseport);
  RUN(reuseaddr_lets_two_sockets_share_a_port);
  return 0;
}
