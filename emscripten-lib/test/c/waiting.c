// poll(), ppoll(), select() and pselect() on sockets, alone and together with pipes.
#include "conformance.h"

static const char *polled(int fd, short wanted, int ms) {
  struct pollfd entry = {.fd = fd, .events = wanted};
  int count = poll(&entry, 1, ms);
  if (count < 0) return outcome(count);
  return count == 0 ? "nothing" : events(entry.revents);
}

CASE(poll_fresh_socket_is_writable) {
  int fd = udp(AF_INET);
  result("%s", polled(fd, POLLIN | POLLOUT, 0));
  close(fd);
}

CASE(poll_nothing_there) {
  int fd = bound();
  result("%s", polled(fd, POLLIN, 0));
  close(fd);
}

CASE(poll_time_limit) {
  int fd = bound();
  double start = now_ms();
  const char *got = polled(fd, POLLIN, 30);
  result("%s, %s", got, now_ms() - start >= 29 ? "waited" : "too early");
  close(fd);
}

CASE(poll_waits_for_a_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  result("%s", polled(b, POLLIN, -1));
  close(a);
  close(b);
}

CASE(poll_is_level_triggered) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  arrive(b);
  result("%s", polled(b, POLLIN, 0));
  close(a);
  close(b);
}

CASE(poll_after_the_last_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  received(b, 0);
  result("%s", polled(b, POLLIN, 0));
  close(a);
  close(b);
}

CASE(poll_closed_descriptor) {
  int fd = udp(AF_INET);
  close(fd);
  result("%s", polled(fd, POLLIN, -1));
}

CASE(poll_negative_descriptor_is_skipped) { result("%s", polled(-1, POLLIN, 0)); }

CASE(poll_no_descriptors_is_a_sleep) {
  double start = now_ms();
  int count = poll(NULL, 0, 20);
  result("%d, %s", count, now_ms() - start >= 19 ? "waited" : "too early");
}

CASE(poll_at_nowhere) {
  struct pollfd *volatile nowhere = NULL;
  result("%s", outcome(poll(nowhere, 1, 10)));
}

CASE(poll_asks_for_nothing) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  arrive(b);
  result("%s", polled(b, 0, 0));
  close(a);
  close(b);
}

CASE(poll_several_sockets) {
  int sender = bound(), sockets[4];
  struct pollfd entries[4];
  for (int i = 0; i < 4; i++) {
    sockets[i] = bound();
    entries[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
  }
  pass(sender, sockets[2], "x");
  int count = poll(entries, 4, -1);
  result("%d: %s%s%s%s", count, entries[0].revents ? "0" : "-", entries[1].revents ? "1" : "-",
    entries[2].revents ? "2" : "-", entries[3].revents ? "3" : "-");
  for (int i = 0; i < 4; i++) close(sockets[i]);
  close(sender);
}

CASE(poll_a_pipe_and_a_socket) {
  int ends[2], fd = bound(), sender = bound();
  must(pipe(ends), "pipe");
  struct pollfd entries[] = {{.fd = ends[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  pass(sender, fd, "x");
  int first = poll(entries, 2, -1);
  int socket_first = entries[1].revents == POLLIN && entries[0].revents == 0;
  received(fd, 0);
  must(write(ends[1], "x", 1), "write");
  int second = poll(entries, 2, -1);
  int pipe_second = entries[0].revents == POLLIN && entries[1].revents == 0;
  result("%d %s, %d %s", first, socket_first ? "the socket" : "wrong", second, pipe_second ? "the pipe" : "wrong");
  close(ends[0]);
  close(ends[1]);
  close(fd);
  close(sender);
}

CASE(poll_shutdown_for_reading) {
  int a = bound(), b = bound();
  Address address = local(b);
  must(connect(a, &address.any, address.length), "connect");
  must(shutdown(a, SHUT_RD), "shutdown");
  result("%s", polled(a, POLLIN | POLLRDHUP, 0));
  close(a);
  close(b);
}

CASE(poll_shutdown_both_ways) {
  int a = bound(), b = bound();
  Address address = local(b);
  must(connect(a, &address.any, address.length), "connect");
  must(shutdown(a, SHUT_RDWR), "shutdown");
  result("%s", polled(a, POLLIN | POLLRDHUP, 0));
  close(a);
  close(b);
}

CASE(ppoll_time_limit) {
  int fd = bound();
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  struct timespec limit = {.tv_nsec = 20000000};
  double start = now_ms();
  int count = ppoll(&entry, 1, &limit, NULL);
  result("%d, %s", count, now_ms() - start >= 19 ? "waited" : "too early");
  close(fd);
}

CASE(select_waits_for_a_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(a, &readable);
  FD_SET(b, &readable);
  int count = select((a > b ? a : b) + 1, &readable, NULL, NULL, NULL);
  result("%d: %s%s", count, FD_ISSET(a, &readable) ? "sender" : "", FD_ISSET(b, &readable) ? "receiver" : "");
  close(a);
  close(b);
}

CASE(select_writable) {
  int fd = bound();
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(fd, &writable);
  result("%d", select(fd + 1, NULL, &writable, NULL, NULL));
  close(fd);
}

CASE(select_time_limit) {
  int fd = bound();
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  struct timeval limit = {.tv_usec = 20000};
  double start = now_ms();
  int count = select(fd + 1, &readable, NULL, NULL, &limit);
  result("%d, %s, set %s", count, now_ms() - start >= 19 ? "waited" : "too early",
    FD_ISSET(fd, &readable) ? "left" : "cleared");
  close(fd);
}

CASE(select_closed_descriptor) {
  int fd = bound();
  close(fd);
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  struct timeval limit = {0};
  result("%s", outcome(select(fd + 1, &readable, NULL, NULL, &limit)));
}

CASE(pselect_time_limit) {
  int fd = bound();
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  struct timespec limit = {.tv_nsec = 20000000};
  double start = now_ms();
  int count = pselect(fd + 1, &readable, NULL, NULL, &limit, NULL);
  result("%d, %s", count, now_ms() - start >= 19 ? "waited" : "too early");
  close(fd);
}

int main(void) {
  RUN(poll_fresh_socket_is_writable);
  RUN(poll_nothing_there);
  RUN(poll_time_limit);
  RUN(poll_waits_for_a_datagram);
  RUN(poll_is_level_triggered);
  RUN(poll_after_the_last_datagram);
  RUN(poll_closed_descriptor);
  RUN(poll_negative_descriptor_is_skipped);
  RUN(poll_no_descriptors_is_a_sleep);
  RUN(poll_at_nowhere);
  RUN(poll_asks_for_nothing);
  RUN(poll_several_sockets);
  RUN(poll_a_pipe_and_a_socket);
  RUN(poll_shutdown_for_reading);
  RUN(poll_shutdown_both_ways);
  RUN(ppoll_time_limit);
  RUN(select_waits_for_a_datagram);
  RUN(select_writable);
  RUN(select_time_limit);
  RUN(select_closed_descriptor);
  RUN(pselect_time_limit);
  return 0;
}
