// Sockets as file descriptors: read, write, dup, close, fcntl, ioctl, fstat, shutdown.
#include "conformance.h"
#include <sys/resource.h>

static void connect_both(int a, int b) {
  Address address = local(b);
  must(connect(a, &address.any, address.length), "connect");
  address = local(a);
  must(connect(b, &address.any, address.length), "connect");
}

CASE(read_takes_one_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "one");
  pass(a, b, "two");
  char data[16] = "";
  const char *length = outcome(read(b, data, 15));
  result("%s %s, then %s", length, data, received(b, 0));
  close(a);
  close(b);
}

CASE(read_drops_what_does_not_fit) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  pass(a, b, "next");
  char data[4] = "";
  const char *length = outcome(read(b, data, 3));
  result("%s %s, then %s", length, data, received(b, 0));
  close(a);
  close(b);
}

CASE(read_of_no_bytes_takes_nothing) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  arrive(b);
  char byte;
  const char *length = outcome(read(b, &byte, 0));
  result("%s, then %s", length, received(b, 0));
  close(a);
  close(b);
}

CASE(read_nonblocking_nothing_there) {
  int fd = bound();
  must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
  char byte;
  result("%s", outcome(read(fd, &byte, 1)));
  close(fd);
}

CASE(read_obeys_the_time_limit) {
  int fd = bound();
  timeout(fd, SO_RCVTIMEO, 20);
  char byte;
  result("%s", outcome(read(fd, &byte, 1)));
  close(fd);
}

CASE(readv_scatters) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  char one[4] = "", two[8] = "";
  struct iovec parts[] = {{one, 3}, {two, 7}};
  const char *length = outcome(readv(b, parts, 2));
  result("%s: %s %s", length, one, two);
  close(a);
  close(b);
}

CASE(write_sends_to_the_peer) {
  int a = bound(), b = bound();
  connect_both(a, b);
  const char *length = outcome(write(a, "hello", 5));
  result("%s, %s", length, received(b, 0));
  close(a);
  close(b);
}

CASE(writev_sends_one_datagram) {
  int a = bound(), b = bound();
  connect_both(a, b);
  struct iovec parts[] = {{"hello ", 6}, {"world", 5}};
  const char *length = outcome(writev(a, parts, 2));
  result("%s, %s", length, received(b, 0));
  close(a);
  close(b);
}

CASE(write_unconnected) {
  int fd = bound();
  result("%s", outcome(write(fd, "x", 1)));
  close(fd);
}

CASE(write_of_no_bytes_sends_an_empty_datagram) {
  int a = bound(), b = bound();
  connect_both(a, b);
  const char *length = outcome(write(a, "", 0));
  must(write(a, "next", 4), "write");
  const char *first = received(b, 0);
  result("%s, received \"%s\"", length, first);
  close(a);
  close(b);
}

CASE(pread_cannot_seek) {
  int fd = bound();
  char byte;
  result("%s", outcome(pread(fd, &byte, 1, 0)));
  close(fd);
}

CASE(lseek_cannot_seek) {
  int fd = bound();
  result("%s", outcome(lseek(fd, 0, SEEK_CUR)));
  close(fd);
}

CASE(isatty_is_not) {
  int fd = bound();
  int terminal = isatty(fd);
  result("%d %s", terminal, outcome(-1));
  close(fd);
}

CASE(fstat_says_socket) {
  int fd = bound();
  struct stat status;
  const char *done = outcome(fstat(fd, &status));
  result("%s, %s", done, S_ISSOCK(status.st_mode) ? "socket" : "other");
  close(fd);
}

CASE(fionbio_switches) {
  int fd = bound(), on = 1, off = 0;
  must(ioctl(fd, FIONBIO, &on), "ioctl");
  int after_on = fcntl(fd, F_GETFL) & O_NONBLOCK;
  must(ioctl(fd, FIONBIO, &off), "ioctl");
  int after_off = fcntl(fd, F_GETFL) & O_NONBLOCK;
  result("%s %s", after_on ? "set" : "clear", after_off ? "set" : "clear");
  close(fd);
}

CASE(dup_shares_the_queue) {
  int a = bound(), b = bound(), other = dup(b);
  pass(a, b, "one");
  pass(a, b, "two");
  const char *first = received(b, 0);
  result("%s, %s", first, received(other, 0));
  close(a);
  close(b);
  close(other);
}

CASE(dup_outlives_the_first) {
  int a = bound(), b = bound(), other = dup(b);
  Address address = local(b);
  close(b);
  must(to(a, "x", 1, address), "sendto");
  result("%s", received(other, 0));
  close(a);
  close(other);
}

CASE(dup_shares_nonblocking) {
  int fd = bound(), other = dup(fd);
  must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
  result("%s", received(other, 0));
  close(fd);
  close(other);
}

CASE(dup2_onto_another_socket) {
  int a = bound(), b = bound(), c = bound();
  Address address = local(b);
  must(dup2(b, c), "dup2");
  must(to(a, "x", 1, address), "sendto");
  result("%s", received(c, 0));
  close(a);
  close(b);
  close(c);
}

CASE(fcntl_dupfd_gives_at_least_the_number) {
  int fd = bound(), other = fcntl(fd, F_DUPFD, 50);
  result("%d", other);
  close(fd);
  close(other);
}

CASE(close_twice) {
  int fd = bound();
  const char *first = outcome(close(fd));
  result("%s, %s", first, outcome(close(fd)));
}

CASE(close_lets_the_port_be_bound_again) {
  int ok = 0;
  Address address = v4("127.0.0.1", 0);
  for (int i = 0; i < 5; i++) {
    int fd = udp(AF_INET);
    ok += bind(fd, &address.any, address.length) == 0;
    address = local(fd);
    close(fd);
  }
  result("%d of 5", ok);
}

CASE(shutdown_unconnected) {
  int fd = bound();
  result("%s", outcome(shutdown(fd, SHUT_RDWR)));
  close(fd);
}

CASE(shutdown_for_reading_ends_a_wait) {
  int a = bound(), b = bound();
  connect_both(a, b);
  must(shutdown(a, SHUT_RD), "shutdown");
  char byte;
  result("%s", outcome(recv(a, &byte, 1, 0)));
  close(a);
  close(b);
}

CASE(shutdown_for_reading_nonblocking) {
  int a = bound(), b = bound();
  connect_both(a, b);
  must(shutdown(a, SHUT_RD), "shutdown");
  char byte;
  result("%s", outcome(recv(a, &byte, 1, MSG_DONTWAIT)));
  close(a);
  close(b);
}

CASE(shutdown_for_reading_keeps_what_came) {
  int a = bound(), b = bound();
  connect_both(a, b);
  must(send(b, "x", 1, 0), "send");
  arrive(a);
  must(shutdown(a, SHUT_RD), "shutdown");
  result("%s", received(a, 0));
  close(a);
  close(b);
}

CASE(shutdown_for_writing) {
  int a = bound(), b = bound();
  connect_both(a, b);
  must(shutdown(a, SHUT_WR), "shutdown");
  result("%s", outcome(send(a, "x", 1, MSG_NOSIGNAL)));
  close(a);
  close(b);
}

CASE(shutdown_unknown_half) {
  int a = bound(), b = bound();
  connect_both(a, b);
  result("%s", outcome(shutdown(a, 7)));
  close(a);
  close(b);
}

CASE(a_thousand_sockets_at_once) {
  int sockets[1000], heard = 0, sender = bound();
  Address source = local(sender);
  for (int i = 0; i < 1000; i++) {
    sockets[i] = bound();
    // Among so many ports one may be still written to by another program, which knew its last owner.
    must(connect(sockets[i], &source.any, source.length), "connect");
  }
  for (int i = 0; i < 1000; i++) {
    pass(sender, sockets[i], "x");
    heard += strcmp(received(sockets[i], 0), "x") == 0;
  }
  for (int i = 0; i < 1000; i++) close(sockets[i]);
  close(sender);
  result("%d heard", heard);
}

CASE(rlimit_of_descriptors_is_obeyed) {
  struct rlimit before, lower, told;
  must(getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
  int lowest = socket(AF_INET, SOCK_DGRAM, 0);
  lower.rlim_cur = lowest + 3;
  lower.rlim_max = before.rlim_max;
  const char *set = outcome(setrlimit(RLIMIT_NOFILE, &lower));
  must(getrlimit(RLIMIT_NOFILE, &told), "getrlimit");
  int two = socket(AF_INET, SOCK_STREAM, 0), three = dup(lowest);
  const char *socket_said = outcome(socket(AF_INET, SOCK_DGRAM, 0)), *dup_said = outcome(dup(lowest));
  const char *open_said = outcome(open("/", O_RDONLY)), *reset = outcome(setrlimit(RLIMIT_NOFILE, &before));
  int again = socket(AF_INET, SOCK_DGRAM, 0);
  result("%s %d, %d and %d, then %s %s %s, %s, %d", set, (int)(told.rlim_cur - lowest), two - lowest, three - lowest,
    socket_said, dup_said, open_said, reset, again - lowest);
  close(lowest);
  close(two);
  close(three);
  close(again);
}

CASE(rlimit_wrong) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  const char *most = outcome(setrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_max--;
  const char *crossed = outcome(setrlimit(RLIMIT_NOFILE, &limit));
  result("%s, %s, %s", most, crossed, outcome(getrlimit(1000, &limit)));
}

CASE(rlimit_of_core_files) {
  struct rlimit limit = {0, 0};
  const char *set = outcome(setrlimit(RLIMIT_CORE, &limit));
  limit.rlim_cur = 1;
  must(getrlimit(RLIMIT_CORE, &limit), "getrlimit");
  result("%s, %d", set, (int)limit.rlim_cur);
}

CASE(rusage_of_all_three_kinds) {
  struct rusage usage[3];
  memset(usage, 0xff, sizeof usage);
  const char *self = outcome(getrusage(RUSAGE_SELF, &usage[0])), *children = outcome(getrusage(RUSAGE_CHILDREN, &usage[1]));
  const char *thread = outcome(getrusage(RUSAGE_THREAD, &usage[2]));
  int told = 0;
  for (int i = 0; i < 3; i++) told += usage[i].ru_utime.tv_sec >= 0 && usage[i].ru_stime.tv_usec >= 0 && usage[i].ru_nsignals == 0;
  result("%s, %s, %s, %d", self, children, thread, told);
}

CASE(rusage_of_an_unknown_kind) {
  struct rusage usage;
  result("%s", outcome(getrusage(1000, &usage)));
}

int main(void) {
  RUN(read_takes_one_datagram);
  RUN(read_drops_what_does_not_fit);
  RUN(read_of_no_bytes_takes_nothing);
  RUN(read_nonblocking_nothing_there);
  RUN(read_obeys_the_time_limit);
  RUN(readv_scatters);
  RUN(write_sends_to_the_peer);
  RUN(writev_sends_one_datagram);
  RUN(write_unconnected);
  RUN(write_of_no_bytes_sends_an_empty_datagram);
  RUN(pread_cannot_seek);
  RUN(lseek_cannot_seek);
  RUN(isatty_is_not);
  RUN(fstat_says_socket);
  RUN(fionbio_switches);
  RUN(dup_shares_the_queue);
  RUN(dup_outlives_the_first);
  RUN(dup_shares_nonblocking);
  RUN(dup2_onto_another_socket);
  RUN(fcntl_dupfd_gives_at_least_the_number);
  RUN(close_twice);
  RUN(close_lets_the_port_be_bound_again);
  RUN(shutdown_unconnected);
  RUN(shutdown_for_reading_ends_a_wait);
  RUN(shutdown_for_reading_nonblocking);
  RUN(shutdown_for_reading_keeps_what_came);
  RUN(shutdown_for_writing);
  RUN(shutdown_unknown_half);
  RUN(a_thousand_sockets_at_once);
  RUN(rlimit_of_descriptors_is_obeyed);
  RUN(rlimit_wrong);
  RUN(rlimit_of_core_files);
  RUN(rusage_of_all_three_kinds);
  RUN(rusage_of_an_unknown_kind);
  return 0;
}
