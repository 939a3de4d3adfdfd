// socketpair(): two sockets of the program, connected with each other. Streams, datagrams and messages in sequence.
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/un.h>

static int ends[2];

static void pair(int type) {
  must(socketpair(AF_UNIX, type, 0, ends), "socketpair");
  for (int i = 0; i < 2; i++) timeout(ends[i], SO_RCVTIMEO, 5000), timeout(ends[i], SO_SNDTIMEO, 5000);
}

static void done(void) {
  close(ends[0]);
  close(ends[1]);
}

// What poll() says of a descriptor now.
static const char *state(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
  must(poll(&entry, 1, 0), "poll");
  return events(entry.revents);
}

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  must(getsockopt(fd, level, name, &value, &length), "getsockopt");
  return value;
}

// Two descriptors, or the errno.
static const char *attempt(int domain, int type, int protocol) {
  int fds[2] = {-1, -1};
  const char *text = outcome(socketpair(domain, type, protocol, fds));
  if (fds[0] >= 0) close(fds[0]), close(fds[1]);
  return text;
}

CASE(pair_types) {
  result("%s %s %s %s", attempt(AF_UNIX, SOCK_STREAM, 0), attempt(AF_UNIX, SOCK_DGRAM, 0),
         attempt(AF_UNIX, SOCK_SEQPACKET, 0), attempt(AF_UNIX, SOCK_RAW, 0));
}
CASE(pair_unknown_type) { result("%s", attempt(AF_UNIX, SOCK_RDM, 0)); }
CASE(pair_protocols) { result("%s %s", attempt(AF_UNIX, SOCK_STREAM, AF_UNIX), attempt(AF_UNIX, SOCK_STREAM, 6)); }
CASE(pair_other_families) { result("%s %s", attempt(AF_INET, SOCK_STREAM, 0), attempt(AF_INET6, SOCK_DGRAM, 0)); }
CASE(pair_unknown_family) { result("%s", attempt(AF_APPLETALK + 90, SOCK_STREAM, 0)); }
CASE(pair_unknown_flag) { result("%s", attempt(AF_UNIX, SOCK_STREAM | 0x100, 0)); }
CASE(pair_nowhere_to_store) { result("%s", outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL))); }

CASE(pair_lowest_descriptors) {
  pair(SOCK_STREAM);
  int first = dup(0);
  close(first);
  result("%s", ends[1] == ends[0] + 1 && first == ends[1] + 1 ? "yes" : "no");
  done();
}

CASE(pair_without_descriptors) {
  int last = -1, next;
  while ((next = dup(0)) >= 0) last = next;
  close(last);
  const char *one = attempt(AF_UNIX, SOCK_STREAM, 0);
  next = dup(0);
  result("%s, then %s", one, next == last ? "the descriptor is free" : "it is gone");
  for (int fd = 3; fd <= last; fd++) close(fd);
}

CASE(pair_nonblock_flag) {
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair");
  result("%s %s %s", fcntl(ends[0], F_GETFL) & O_NONBLOCK ? "set" : "clear", fcntl(ends[1], F_GETFL) & O_NONBLOCK ? "set" : "clear",
         received(ends[0], 0));
  done();
}

CASE(pair_options) {
  pair(SOCK_SEQPACKET);
  result("domain %d type %d protocol %d error %d listens %d", option(ends[0], SOL_SOCKET, SO_DOMAIN) == AF_UNIX,
         option(ends[0], SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET, option(ends[0], SOL_SOCKET, SO_PROTOCOL),
         option(ends[0], SOL_SOCKET, SO_ERROR), option(ends[0], SOL_SOCKET, SO_ACCEPTCONN));
  done();
}

CASE(pair_options_of_tcp) {
  pair(SOCK_STREAM);
  int one = 1;
  result("%s", outcome(setsockopt(ends[0], IPPROTO_TCP, 1, &one, sizeof one)));
  done();
}

CASE(pair_is_a_socket) {
  pair(SOCK_STREAM);
  struct stat status;
  must(fstat(ends[0], &status), "fstat");
  result("%s", S_ISSOCK(status.st_mode) ? "yes" : "no");
  done();
}

CASE(pair_names) {
  pair(SOCK_STREAM);
  struct sockaddr_un own = {.sun_family = 99}, peer = {.sun_family = 99};
  socklen_t ownLength = sizeof own, peerLength = 1;
  int a = getsockname(ends[0], (struct sockaddr *)&own, &ownLength), b = getpeername(ends[0], (struct sockaddr *)&peer, &peerLength);
  result("%s %s, %u bytes, family %s, %u bytes", outcome(a), outcome(b), ownLength, own.sun_family == AF_UNIX ? "unix" : "other",
         peerLength);
  done();
}

CASE(pair_source_of_data) {
  pair(SOCK_DGRAM);
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  char text[8] = "";
  must(send(ends[0], "x", 1, 0), "send");
  ssize_t count = recvfrom(ends[1], text, sizeof text, 0, (struct sockaddr *)&from, &length);
  result("%s %s, address of %u bytes", outcome(count), text, length);
  done();
}

CASE(pair_send_to_an_address) {
  struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
  pair(SOCK_STREAM);
  const char *stream = outcome(sendto(ends[0], "x", 1, 0, (struct sockaddr *)&to, sizeof to));
  done();
  pair(SOCK_SEQPACKET);
  result("stream %s, seqpacket %s", stream, outcome(sendto(ends[0], "x", 1, 0, (struct sockaddr *)&to, sizeof to)));
  done();
}

CASE(pair_listen) {
  pair(SOCK_STREAM);
  const char *stream = outcome(listen(ends[0], 1)), *accepted = outcome(accept(ends[0], NULL, NULL));
  done();
  pair(SOCK_DGRAM);
  result("stream %s %s, datagrams %s", stream, accepted, outcome(listen(ends[0], 1)));
  done();
}

CASE(pair_stream_both_ways) {
  pair(SOCK_STREAM);
  must(write(ends[0], "question", 8), "write");
  must(write(ends[1], "answer", 6), "write");
  const char *there = received(ends[1], 0);
  result("%s %s", there, received(ends[0], 0));
  done();
}

CASE(pair_stream_has_no_bounds) {
  pair(SOCK_STREAM);
  must(write(ends[0], "one", 3), "write");
  must(write(ends[0], "two", 3), "write");
  char part[5] = "";
  must(read(ends[1], part, 4), "read");
  result("%s %s", part, received(ends[1], 0));
  done();
}

CASE(pair_stream_peek_and_length) {
  pair(SOCK_STREAM);
  must(write(ends[0], "peek", 4), "write");
  int length = -1;
  const char *peeked = received(ends[1], MSG_PEEK);
  must(ioctl(ends[1], FIONREAD, &length), "FIONREAD");
  const char *read_ = received(ends[1], 0);
  result("%s %d %s %s", peeked, length, read_, received(ends[1], MSG_DONTWAIT));
  done();
}

CASE(pair_stream_wait_for_all) {
  pair(SOCK_STREAM);
  must(write(ends[0], "whole", 5), "write");
  char text[6] = "";
  ssize_t count = recv(ends[1], text, 5, MSG_WAITALL);
  result("%s %s", outcome(count), text);
  done();
}

CASE(pair_stream_vectors) {
  pair(SOCK_STREAM);
  char a[3] = "", b[8] = "";
  struct iovec out[] = {{"scat", 4}, {"tered", 5}}, in[] = {{a, 2}, {b, 7}};
  must(writev(ends[0], out, 2), "writev");
  ssize_t count = readv(ends[1], in, 2);
  result("%s %s %s", outcome(count), a, b);
  done();
}

CASE(pair_stream_timeout) {
  pair(SOCK_STREAM);
  timeout(ends[0], SO_RCVTIMEO, 20);
  result("%s", received(ends[0], 0));
  done();
}

CASE(pair_stream_end) {
  pair(SOCK_STREAM);
  must(write(ends[0], "last", 4), "write");
  close(ends[0]);
  const char *seen = state(ends[1]), *data = received(ends[1], 0), *end = received(ends[1], 0);
  result("%s, %s, [%s], send %s", seen, data, end, outcome(send(ends[1], "x", 1, MSG_NOSIGNAL)));
  close(ends[1]);
}

CASE(pair_stream_reset) {
  pair(SOCK_STREAM);
  must(write(ends[1], "unread", 6), "write");
  must(write(ends[0], "read", 4), "write");
  close(ends[0]);
  const char *seen = state(ends[1]), *data = received(ends[1], 0), *error = received(ends[1], 0);
  result("%s, %s, %s, [%s]", seen, data, error, received(ends[1], 0));
  close(ends[1]);
}

CASE(pair_stream_shutdown_write) {
  pair(SOCK_STREAM);
  must(shutdown(ends[0], SHUT_WR), "shutdown");
  const char *sent = outcome(send(ends[0], "x", 1, MSG_NOSIGNAL)), *seen = state(ends[1]), *end = received(ends[1], 0);
  must(write(ends[1], "back", 4), "write");
  result("%s, %s, [%s], %s", sent, seen, end, received(ends[0], 0));
  done();
}

CASE(pair_stream_shutdown_read) {
  pair(SOCK_STREAM);
  must(shutdown(ends[0], SHUT_RD), "shutdown");
  const char *seen = state(ends[0]), *end = received(ends[0], 0);
  result("%s, [%s], the other %s", seen, end, outcome(send(ends[1], "x", 1, MSG_NOSIGNAL)));
  done();
}

CASE(pair_stream_shutdown_both) {
  pair(SOCK_STREAM);
  must(shutdown(ends[0], SHUT_RDWR), "shutdown");
  const char *seen = state(ends[0]), *other = state(ends[1]), *again = outcome(shutdown(ends[0], SHUT_RDWR));
  result("%s, the other %s, again %s, unknown %s", seen, other, again, outcome(shutdown(ends[0], 7)));
  done();
}

CASE(pair_stream_full) {
  pair(SOCK_STREAM);
  static char block[65536];
  ssize_t count;
  size_t sent = 0, read_ = 0;
  while ((count = send(ends[0], block, sizeof block, MSG_DONTWAIT)) > 0) sent += count;
  const char *error = outcome(count), *full = state(ends[0]);
  while ((count = recv(ends[1], block, sizeof block, MSG_DONTWAIT)) > 0) read_ += count;
  result("%s, %s, %s, then %s", error, full, sent == read_ && sent > 65536 ? "all read" : "lost", state(ends[0]));
  done();
}

CASE(pair_stream_full_of_small_writes) {
  pair(SOCK_STREAM);
  int writes = 0;
  while (send(ends[0], "x", 1, MSG_DONTWAIT) == 1) writes++;
  result("%s", writes > 200 && writes < 2000 ? "some hundred" : "other");
  done();
}

CASE(pair_datagrams_have_bounds) {
  pair(SOCK_DGRAM);
  must(write(ends[0], "one", 3), "write");
  must(write(ends[0], "", 0), "write");
  must(write(ends[0], "three", 5), "write");
  int length = -1;
  must(ioctl(ends[1], FIONREAD, &length), "FIONREAD");
  char part[4] = "";
  struct iovec in = {part, 2};
  struct msghdr message = {.msg_iov = &in, .msg_iovlen = 1};
  must(recvmsg(ends[1], &message, 0), "recvmsg");
  const char *empty = received(ends[1], 0);
  result("%d %s%s [%s] %s", length, part, message.msg_flags & MSG_TRUNC ? " cut off" : "", empty, received(ends[1], 0));
  done();
}

CASE(pair_datagrams_too_long) {
  pair(SOCK_DGRAM);
  int size = 1;
  must(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), "SO_SNDBUF");
  static char block[8192];
  result("%s", outcome(send(ends[0], block, sizeof block, 0)));
  done();
}

CASE(pair_datagrams_without_other) {
  pair(SOCK_DGRAM);
  must(write(ends[0], "left", 4), "write");
  close(ends[0]);
  const char *seen = state(ends[1]), *data = received(ends[1], 0), *none = received(ends[1], MSG_DONTWAIT);
  const char *first = outcome(send(ends[1], "x", 1, 0)), *second = outcome(send(ends[1], "x", 1, 0));
  struct sockaddr_un peer;
  socklen_t length = sizeof peer;
  result("%s, %s, %s, %s, %s, %s", seen, data, none, first, second, outcome(getpeername(ends[1], (struct sockaddr *)&peer, &length)));
  close(ends[1]);
}

CASE(pair_datagrams_shutdown) {
  pair(SOCK_DGRAM);
  must(shutdown(ends[0], SHUT_RD), "shutdown");
  const char *sent = outcome(send(ends[1], "x", 1, MSG_NOSIGNAL)), *seen = state(ends[0]), *end = received(ends[0], 0);
  result("the other %s, %s, [%s], %s", sent, seen, end, received(ends[0], MSG_DONTWAIT));
  done();
}

CASE(pair_seqpacket_bounds_and_end) {
  pair(SOCK_SEQPACKET);
  must(write(ends[0], "one", 3), "write");
  must(write(ends[0], "two", 3), "write");
  close(ends[0]);
  const char *one = received(ends[1], 0), *two = received(ends[1], 0), *end = received(ends[1], MSG_DONTWAIT);
  result("%s %s [%s] %s", one, two, end, outcome(send(ends[1], "x", 1, MSG_NOSIGNAL)));
  close(ends[1]);
}

CASE(pair_seqpacket_reset) {
  pair(SOCK_SEQPACKET);
  must(write(ends[1], "unread", 6), "write");
  close(ends[0]);
  const char *seen = state(ends[1]);
  result("%s, error %s", seen, option(ends[1], SOL_SOCKET, SO_ERROR) == ECONNRESET ? "ECONNRESET" : "other");
  close(ends[1]);
}

CASE(pair_duplicates) {
  pair(SOCK_STREAM);
  int copy = dup(ends[0]);
  close(ends[0]);
  must(write(copy, "copy", 4), "write");
  const char *text = received(ends[1], 0);
  close(copy);
  result("%s, then [%s]", text, received(ends[1], 0));
  close(ends[1]);
}

CASE(pair_epoll) {
  pair(SOCK_STREAM);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = ends[1]};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event), "epoll_ctl");
  int before = epoll_wait(epoll, &event, 1, 0);
  must(write(ends[0], "x", 1), "write");
  int first = epoll_wait(epoll, &event, 1, 1000), again = epoll_wait(epoll, &event, 1, 0);
  must(write(ends[0], "y", 1), "write");
  result("%d %d %d %d", before, first, again, epoll_wait(epoll, &event, 1, 1000));
  close(epoll);
  done();
}

CASE(pair_wakes_select) {
  pair(SOCK_STREAM);
  int socket = bound();
  must(write(ends[0], "wake", 4), "write");
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[1], &set);
  FD_SET(socket, &set);
  int ready = select((ends[1] > socket ? ends[1] : socket) + 1, &set, NULL, NULL, NULL);
  result("%d, the pair %d, the other %d", ready, FD_ISSET(ends[1], &set) != 0, FD_ISSET(socket, &set) != 0);
  close(socket);
  done();
}

int main(void) {
  RUN(pair_types);
  RUN(pair_unknown_type);
  RUN(pair_protocols);
  RUN(pair_other_families);
  RUN(pair_unknown_family);
  RUN(pair_unknown_flag);
  RUN(pair_nowhere_to_store);
  RUN(pair_lowest_descriptors);
  RUN(pair_nonblock_flag);
  RUN(pair_options);
  RUN(pair_options_of_tcp);
  RUN(pair_is_a_socket);
  RUN(pair_names);
  RUN(pair_source_of_data);
  RUN(pair_send_to_an_address);
  RUN(pair_listen);
  RUN(pair_stream_both_ways);
  RUN(pair_stream_has_no_bounds);
  RUN(pair_stream_peek_and_length);
  RUN(pair_stream_wait_for_all);
  RUN(pair_stream_vectors);
  RUN(pair_stream_timeout);
  RUN(pair_stream_end);
  RUN(pair_stream_reset);
  RUN(pair_stream_shutdown_write);
  RUN(pair_stream_shutdown_read);
  RUN(pair_stream_shutdown_both);
  RUN(pair_stream_full);
  RUN(pair_stream_full_of_small_writes);
  RUN(pair_datagrams_have_bounds);
  RUN(pair_datagrams_too_long);
  RUN(pair_datagrams_without_other);
  RUN(pair_datagrams_shutdown);
  RUN(pair_seqpacket_bounds_and_end);
  RUN(pair_seqpacket_reset);
  RUN(pair_duplicates);
  RUN(pair_epoll);
  RUN(pair_wakes_select);
  RUN(pair_without_descriptors);
  return 0;
}
