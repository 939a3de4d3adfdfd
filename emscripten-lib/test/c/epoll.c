// epoll: interest lists, level, edge and one-shot, over sockets, pipes and other epolls.
#include "conformance.h"

#include <signal.h>
#include <sys/epoll.h>

static int epoll(void) {
  int fd = epoll_create1(0);
  must(fd, "epoll_create1");
  return fd;
}

static long control(int epfd, int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(epfd, operation, fd, &event);
}

static void add(int epfd, int fd, uint32_t events) { must(control(epfd, EPOLL_CTL_ADD, fd, events), "EPOLL_CTL_ADD"); }

static void modify(int epfd, int fd, uint32_t events) { must(control(epfd, EPOLL_CTL_MOD, fd, events), "EPOLL_CTL_MOD"); }

// What one wait says when at most one descriptor is ready: its events, "nothing", or the errno.
static const char *waited(int epfd, int ms) {
  static char texts[4][96];
  static int next;
  char *text = texts[next++ % 4];
  struct epoll_event event;
  int count = epoll_wait(epfd, &event, 1, ms);
  snprintf(text, sizeof texts[0], "%s", count < 0 ? outcome(count) : count == 0 ? "nothing" : events(event.events));
  return text;
}

// Passes a datagram and waits until it has come, with no effect on an epoll that watches `b`.
static void give(int a, int b) {
  pass(a, b, "x");
  arrive(b);
}

typedef struct {
  int client, server;
} Pair;

static int listening(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  must(listen(fd, 8), "listen");
  return fd;
}

static int connected_to(int listener) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  Address address = local(listener);
  must(connect(fd, &address.any, address.length), "connect");
  return fd;
}

static Pair connected(void) {
  int listener = listening();
  Pair pair = {.client = connected_to(listener)};
  pair.server = accept(listener, NULL, NULL);
  must(pair.server, "accept");
  close(listener);
  return pair;
}

CASE(epoll_create_with_unknown_flags) { result("%s", outcome(epoll_create1(1))); }

CASE(epoll_create_of_no_size) { result("%s", outcome(epoll_create(0))); }

CASE(epoll_create_cloexec) {
  int epfd = epoll_create1(EPOLL_CLOEXEC);
  result("%s", epfd < 0 ? outcome(epfd) : "ok");
  close(epfd);
}

CASE(epoll_nothing_there) {
  int epfd = epoll();
  result("%s", waited(epfd, 0));
  close(epfd);
}

CASE(epoll_time_limit) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLIN);
  double start = now_ms();
  const char *got = waited(epfd, 30);
  result("%s, %s", got, now_ms() - start >= 29 ? "waited" : "too early");
  close(epfd);
  close(fd);
}

CASE(epoll_waits_for_a_datagram) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN);
  pass(a, b, "x");
  result("%s", waited(epfd, -1));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_fresh_socket_is_writable) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLIN | EPOLLOUT);
  result("%s", waited(epfd, 0));
  close(epfd);
  close(fd);
}

CASE(epoll_pwait_takes_a_mask) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  struct epoll_event event;
  sigset_t none;
  sigemptyset(&none);
  result("%s", outcome(epoll_pwait(epfd, &event, 1, -1, &none)));
  close(epfd);
  close(fd);
}

CASE(epoll_data_comes_back_whole) {
  int epfd = epoll(), fd = bound();
  struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 0xfedcba9876543210};
  must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
  struct epoll_event got = {0};
  must(epoll_wait(epfd, &got, 1, 0), "epoll_wait");
  result("%016llx", (unsigned long long)got.data.u64);
  close(epfd);
  close(fd);
}

CASE(epoll_modify_changes_data) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 7}, got = {0};
  must(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), "EPOLL_CTL_MOD");
  must(epoll_wait(epfd, &got, 1, 0), "epoll_wait");
  result("%llu", (unsigned long long)got.data.u64);
  close(epfd);
  close(fd);
}

CASE(epoll_level_says_so_until_it_was_read) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN);
  give(a, b);
  const char *first = waited(epfd, 0), *second = waited(epfd, 0);
  received(b, 0);
  result("%s, %s, %s", first, second, waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_edge_says_so_once) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLET);
  give(a, b);
  const char *first = waited(epfd, 0);
  result("%s, %s", first, waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_edge_says_so_again_with_more_data) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLET);
  give(a, b);
  const char *first = waited(epfd, 0);
  pass(a, b, "y");
  result("%s, %s", first, waited(epfd, 5000));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_edge_of_what_was_ready_before) {
  int epfd = epoll(), a = bound(), b = bound();
  give(a, b);
  add(epfd, b, EPOLLIN | EPOLLET);
  const char *first = waited(epfd, 0);
  result("%s, %s", first, waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_edge_that_was_read_meanwhile) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLET);
  give(a, b);
  received(b, 0);
  result("%s", waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_edge_is_armed_again_by_modify) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLET);
  give(a, b);
  const char *first = waited(epfd, 0);
  modify(epfd, b, EPOLLIN | EPOLLET);
  result("%s, %s", first, waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_one_shot_is_spent) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLONESHOT);
  give(a, b);
  const char *first = waited(epfd, 0);
  pass(a, b, "y");
  result("%s, %s", first, waited(epfd, 30));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_one_shot_is_armed_again_by_modify) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLONESHOT);
  give(a, b);
  const char *first = waited(epfd, 0);
  modify(epfd, b, EPOLLIN | EPOLLONESHOT);
  result("%s, %s", first, waited(epfd, 0));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_one_shot_stays_in_the_list) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT | EPOLLONESHOT);
  waited(epfd, 0);
  result("%s", outcome(control(epfd, EPOLL_CTL_ADD, fd, EPOLLOUT)));
  close(epfd);
  close(fd);
}

CASE(epoll_modify_to_what_is_not_so) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  modify(epfd, fd, EPOLLIN);
  result("%s", waited(epfd, 0));
  close(epfd);
  close(fd);
}

CASE(epoll_removed_is_silent) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  must(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), "EPOLL_CTL_DEL");
  result("%s", waited(epfd, 0));
  close(epfd);
  close(fd);
}

CASE(epoll_more_are_ready_than_there_is_room) {
  int epfd = epoll(), a = bound(), b = bound(), c = bound();
  add(epfd, a, EPOLLOUT);
  add(epfd, b, EPOLLOUT);
  add(epfd, c, EPOLLOUT);
  struct epoll_event first[2], second[2];
  int one = epoll_wait(epfd, first, 2, 0), two = epoll_wait(epfd, second, 2, 0);
  result("%d, %d, %s", one, two, first[0].data.fd == a && first[1].data.fd == b && second[0].data.fd == c &&
    second[1].data.fd == a ? "in turn" : "not in turn");
  close(epfd);
  close(a);
  close(b);
  close(c);
}

CASE(epoll_pipe_and_socket) {
  int epfd = epoll(), a = bound(), b = bound(), ends[2];
  must(pipe(ends), "pipe");
  add(epfd, b, EPOLLIN);
  add(epfd, ends[0], EPOLLIN);
  must(write(ends[1], "x", 1), "write");
  struct epoll_event event;
  int count = epoll_wait(epfd, &event, 1, -1);
  int from_pipe = event.data.fd == ends[0];
  char byte;
  must(read(ends[0], &byte, 1), "read");
  pass(a, b, "x");
  int again = epoll_wait(epfd, &event, 1, 5000);
  result("%d %s, %d %s", count, from_pipe ? "pipe" : "socket", again, event.data.fd == b ? "socket" : "pipe");
  close(epfd);
  close(a);
  close(b);
  close(ends[0]);
  close(ends[1]);
}

CASE(epoll_pipe_without_writer_hangs_up_unasked) {
  int epfd = epoll(), ends[2];
  must(pipe(ends), "pipe");
  add(epfd, ends[0], 0);
  close(ends[1]);
  struct epoll_event event = {0};
  int count = epoll_wait(epfd, &event, 1, 0);
  result("%d, %s", count, event.events & EPOLLHUP ? "HUP" : "no HUP");
  close(epfd);
  close(ends[0]);
}

CASE(epoll_pipe_without_reader_is_an_error_unasked) {
  int epfd = epoll(), ends[2];
  must(pipe(ends), "pipe");
  add(epfd, ends[1], 0);
  close(ends[0]);
  result("%s", waited(epfd, 0));
  close(epfd);
  close(ends[1]);
}

CASE(epoll_edge_of_a_pipe) {
  int epfd = epoll(), ends[2];
  must(pipe(ends), "pipe");
  add(epfd, ends[0], EPOLLIN | EPOLLET);
  must(write(ends[1], "x", 1), "write");
  const char *first = waited(epfd, 0), *second = waited(epfd, 0);
  must(write(ends[1], "y", 1), "write");
  result("%s, %s, %s", first, second, waited(epfd, 0));
  close(epfd);
  close(ends[0]);
  close(ends[1]);
}

CASE(epoll_listening_socket) {
  int epfd = epoll(), listener = listening();
  add(epfd, listener, EPOLLIN);
  const char *before = waited(epfd, 0);
  int client = connected_to(listener);
  result("%s, %s", before, waited(epfd, 5000));
  close(epfd);
  close(client);
  close(listener);
}

CASE(epoll_nonblocking_connect) {
  int epfd = epoll(), listener = listening(), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  Address address = local(listener);
  int started = connect(fd, &address.any, address.length);
  const char *start = started < 0 ? outcome(started) : "at once";
  add(epfd, fd, EPOLLOUT);
  result("%s, %s", start, waited(epfd, 5000));
  close(epfd);
  close(fd);
  close(listener);
}

CASE(epoll_stream_level_until_all_is_read) {
  int epfd = epoll();
  Pair pair = connected();
  add(epfd, pair.server, EPOLLIN);
  must(send(pair.client, "abc", 3, 0), "send");
  const char *first = waited(epfd, 5000);
  char bytes[3];
  must(recv(pair.server, bytes, 1, 0), "recv");
  const char *second = waited(epfd, 0);
  must(recv(pair.server, bytes, 3, 0), "recv");
  result("%s, %s, %s", first, second, waited(epfd, 0));
  close(epfd);
  close(pair.client);
  close(pair.server);
}

CASE(epoll_stream_edge_not_drained) {
  int epfd = epoll();
  Pair pair = connected();
  add(epfd, pair.server, EPOLLIN | EPOLLET);
  must(send(pair.client, "abc", 3, 0), "send");
  const char *first = waited(epfd, 5000);
  char byte;
  must(recv(pair.server, &byte, 1, 0), "recv");
  const char *second = waited(epfd, 0);
  must(send(pair.client, "d", 1, 0), "send");
  result("%s, %s, %s", first, second, waited(epfd, 5000));
  close(epfd);
  close(pair.client);
  close(pair.server);
}

CASE(epoll_stream_end) {
  int epfd = epoll();
  Pair pair = connected();
  add(epfd, pair.server, EPOLLIN | EPOLLRDHUP);
  close(pair.client);
  result("%s", waited(epfd, 5000));
  close(epfd);
  close(pair.server);
}

CASE(epoll_stream_end_alone) {
  int epfd = epoll();
  Pair pair = connected();
  add(epfd, pair.server, EPOLLRDHUP);
  close(pair.client);
  result("%s", waited(epfd, 5000));
  close(epfd);
  close(pair.server);
}

CASE(epoll_shutdown_both_ways_hangs_up_unasked) {
  int epfd = epoll();
  Pair pair = connected();
  add(epfd, pair.server, 0);
  must(shutdown(pair.server, SHUT_RDWR), "shutdown");
  result("%s", waited(epfd, 5000));
  close(epfd);
  close(pair.client);
  close(pair.server);
}

CASE(epoll_closed_descriptor_drops_out) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  close(fd);
  result("%s", waited(epfd, 0));
  close(epfd);
}

CASE(epoll_closed_pipe_drops_out) {
  int epfd = epoll(), ends[2];
  must(pipe(ends), "pipe");
  add(epfd, ends[0], EPOLLIN);
  add(epfd, ends[1], EPOLLOUT);
  close(ends[0]);
  close(ends[1]);
  result("%s", waited(epfd, 0));
  close(epfd);
}

CASE(epoll_closed_descriptor_with_a_duplicate_stays) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  int copy = dup(fd);
  close(fd);
  const char *first = waited(epfd, 0);
  close(copy);
  result("%s, %s", first, waited(epfd, 0));
  close(epfd);
}

CASE(epoll_number_of_a_closed_descriptor_again) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLOUT);
  close(fd);
  int other = bound();
  long removed = epoll_ctl(epfd, EPOLL_CTL_DEL, other, NULL);
  const char *why = outcome(removed);
  result("%s, %s, %s", other == fd ? "same" : "another", why, outcome(control(epfd, EPOLL_CTL_ADD, other, EPOLLIN)));
  close(epfd);
  close(other);
}

CASE(epoll_duplicate_is_another_entry) {
  int epfd = epoll(), fd = bound(), copy = dup(fd);
  add(epfd, fd, EPOLLOUT);
  const char *added = outcome(control(epfd, EPOLL_CTL_ADD, copy, EPOLLOUT));
  struct epoll_event got[4];
  result("%s, %d", added, epoll_wait(epfd, got, 4, 0));
  close(epfd);
  close(fd);
  close(copy);
}

CASE(epoll_duplicate_of_the_epoll_is_the_same) {
  int epfd = epoll(), fd = bound(), copy = dup(epfd);
  add(epfd, fd, EPOLLOUT);
  close(epfd);
  result("%s", waited(copy, 0));
  close(copy);
  close(fd);
}

CASE(epoll_two_watch_one_socket) {
  int one = epoll(), two = epoll(), a = bound(), b = bound();
  add(one, b, EPOLLIN | EPOLLET);
  add(two, b, EPOLLIN | EPOLLET);
  give(a, b);
  const char *first = waited(one, 0);
  result("%s, %s", first, waited(two, 0));
  close(one);
  close(two);
  close(a);
  close(b);
}

CASE(epoll_is_pollable) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN);
  struct pollfd entry = {.fd = epfd, .events = POLLIN | POLLOUT};
  int before = poll(&entry, 1, 0);
  pass(a, b, "x");
  int after = poll(&entry, 1, 5000);
  const char *got = events(entry.revents);
  result("%d, %d %s", before, after, got);
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_of_an_epoll) {
  int outer = epoll(), inner = epoll(), a = bound(), b = bound();
  add(inner, b, EPOLLIN);
  add(outer, inner, EPOLLIN);
  const char *before = waited(outer, 0);
  pass(a, b, "x");
  const char *outside = waited(outer, 5000), *inside = waited(inner, 0);
  received(b, 0);
  result("%s, %s, %s, %s", before, outside, inside, waited(outer, 0));
  close(outer);
  close(inner);
  close(a);
  close(b);
}

CASE(epoll_cycle) {
  int one = epoll(), two = epoll();
  add(one, two, EPOLLIN);
  result("%s", outcome(control(two, EPOLL_CTL_ADD, one, EPOLLIN)));
  close(one);
  close(two);
}

CASE(epoll_of_itself) {
  int epfd = epoll(), copy = dup(epfd);
  const char *self = outcome(control(epfd, EPOLL_CTL_ADD, epfd, EPOLLIN));
  result("%s, %s", self, outcome(control(epfd, EPOLL_CTL_ADD, copy, EPOLLIN)));
  close(epfd);
  close(copy);
}

CASE(epoll_add_twice) {
  int epfd = epoll(), fd = bound();
  add(epfd, fd, EPOLLIN);
  result("%s", outcome(control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN)));
  close(epfd);
  close(fd);
}

CASE(epoll_modify_what_is_not_there) {
  int epfd = epoll(), fd = bound();
  result("%s", outcome(control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN)));
  close(epfd);
  close(fd);
}

CASE(epoll_remove_what_is_not_there) {
  int epfd = epoll(), fd = bound();
  result("%s", outcome(control(epfd, EPOLL_CTL_DEL, fd, EPOLLIN)));
  close(epfd);
  close(fd);
}

CASE(epoll_unknown_operation) {
  int epfd = epoll(), fd = bound();
  result("%s", outcome(control(epfd, 9, fd, EPOLLIN)));
  close(epfd);
  close(fd);
}

CASE(epoll_add_a_closed_descriptor) {
  int epfd = epoll();
  result("%s", outcome(control(epfd, EPOLL_CTL_ADD, 1000, EPOLLIN)));
  close(epfd);
}

CASE(epoll_control_of_a_closed_descriptor) {
  int fd = bound();
  result("%s", outcome(control(1000, EPOLL_CTL_ADD, fd, EPOLLIN)));
  close(fd);
}

CASE(epoll_control_of_a_socket) {
  int a = bound(), b = bound();
  result("%s", outcome(control(a, EPOLL_CTL_ADD, b, EPOLLIN)));
  close(a);
  close(b);
}

CASE(epoll_add_a_file) {
  int epfd = epoll(), fd = open("/tmp", O_RDONLY);
  must(fd, "open");
  result("%s", outcome(control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN)));
  close(epfd);
  close(fd);
}

CASE(epoll_add_from_nowhere) {
  int epfd = epoll(), fd = bound();
  struct epoll_event *volatile nowhere = NULL; // the compiler knows better otherwise
  result("%s", outcome(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, nowhere)));
  close(epfd);
  close(fd);
}

CASE(epoll_wait_to_nowhere) {
  int epfd = epoll(), fd = bound();
  struct epoll_event *volatile nowhere = NULL; // the compiler knows better otherwise
  const char *nothing = outcome(epoll_wait(epfd, nowhere, 1, 0));
  add(epfd, fd, EPOLLOUT);
  result("%s, %s", nothing, outcome(epoll_wait(epfd, nowhere, 1, 0)));
  close(epfd);
  close(fd);
}

CASE(epoll_wait_for_no_events) {
  int epfd = epoll();
  struct epoll_event event;
  volatile int less = -1;
  const char *none = outcome(epoll_wait(epfd, &event, 0, 0));
  result("%s, %s", none, outcome(epoll_wait(epfd, &event, less, 0)));
  close(epfd);
}

CASE(epoll_wait_on_a_socket) {
  int fd = bound();
  result("%s", waited(fd, 0));
  close(fd);
}

CASE(epoll_wait_on_a_closed_descriptor) { result("%s", waited(1000, 0)); }

CASE(epoll_read) {
  int epfd = epoll();
  char byte;
  result("%s", outcome(read(epfd, &byte, 1)));
  close(epfd);
}

CASE(epoll_exclusive) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, b, EPOLLIN | EPOLLEXCLUSIVE);
  pass(a, b, "x");
  result("%s", waited(epfd, 5000));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_exclusive_is_not_modified) {
  int epfd = epoll(), a = bound(), b = bound();
  add(epfd, a, EPOLLIN | EPOLLEXCLUSIVE);
  add(epfd, b, EPOLLIN);
  const char *it = outcome(control(epfd, EPOLL_CTL_MOD, a, EPOLLOUT));
  result("%s, %s", it, outcome(control(epfd, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLEXCLUSIVE)));
  close(epfd);
  close(a);
  close(b);
}

CASE(epoll_exclusive_with_what_it_excludes) {
  int epfd = epoll(), inner = epoll(), fd = bound();
  const char *oneshot = outcome(control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
  const char *nested = outcome(control(epfd, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE));
  result("%s, %s", oneshot, nested);
  close(epfd);
  close(inner);
  close(fd);
}

int main(void) {
  RUN(epoll_create_with_unknown_flags);
  RUN(epoll_create_of_no_size);
  RUN(epoll_create_cloexec);
  RUN(epoll_nothing_there);
  RUN(epoll_time_limit);
  RUN(epoll_waits_for_a_datagram);
  RUN(epoll_fresh_socket_is_writable);
  RUN(epoll_pwait_takes_a_mask);
  RUN(epoll_data_comes_back_whole);
  RUN(epoll_modify_changes_data);
  RUN(epoll_level_says_so_until_it_was_read);
  RUN(epoll_edge_says_so_once);
  RUN(epoll_edge_says_so_again_with_more_data);
  RUN(epoll_edge_of_what_was_ready_before);
  RUN(epoll_edge_that_was_read_meanwhile);
  RUN(epoll_edge_is_armed_again_by_modify);
  RUN(epoll_one_shot_is_spent);
  RUN(epoll_one_shot_is_armed_again_by_modify);
  RUN(epoll_one_shot_stays_in_the_list);
  RUN(epoll_modify_to_what_is_not_so);
  RUN(epoll_removed_is_silent);
  RUN(epoll_more_are_ready_than_there_is_room);
  RUN(epoll_pipe_and_socket);
  RUN(epoll_pipe_without_writer_hangs_up_unasked);
  RUN(epoll_pipe_without_reader_is_an_error_unasked);
  RUN(epoll_edge_of_a_pipe);
  RUN(epoll_listening_socket);
  RUN(epoll_nonblocking_connect);
  RUN(epoll_stream_level_until_all_is_read);
  RUN(epoll_stream_edge_not_drained);
  RUN(epoll_stream_end);
  RUN(epoll_stream_end_alone);
  RUN(epoll_shutdown_both_ways_hangs_up_unasked);
  RUN(epoll_closed_descriptor_drops_out);
  RUN(epoll_closed_pipe_drops_out);
  RUN(epoll_closed_descriptor_with_a_duplicate_stays);
  RUN(epoll_number_of_a_closed_descriptor_again);
  RUN(epoll_duplicate_is_another_entry);
  RUN(epoll_duplicate_of_the_epoll_is_the_same);
  RUN(epoll_two_watch_one_socket);
  RUN(epoll_is_pollable);
  RUN(epoll_of_an_epoll);
  RUN(epoll_cycle);
  RUN(epoll_of_itself);
  RUN(epoll_add_twice);
  RUN(epoll_modify_what_is_not_there);
  RUN(epoll_remove_what_is_not_there);
  RUN(epoll_unknown_operation);
  RUN(epoll_add_a_closed_descriptor);
  RUN(epoll_control_of_a_closed_descriptor);
  RUN(epoll_control_of_a_socket);
  RUN(epoll_add_a_file);
  RUN(epoll_add_from_nowhere);
  RUN(epoll_wait_to_nowhere);
  RUN(epoll_wait_for_no_events);
  RUN(epoll_wait_on_a_socket);
  RUN(epoll_wait_on_a_closed_descriptor);
  RUN(epoll_read);
  RUN(epoll_exclusive);
  RUN(epoll_exclusive_is_not_modified);
  RUN(epoll_exclusive_with_what_it_excludes);
  return 0;
}
