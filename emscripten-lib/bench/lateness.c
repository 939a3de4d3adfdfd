// How late calls with a time limit come back when nothing happens. One line for each call and limit:
//   CALL LIMIT_MS MEDIAN_MS P95_MS MAX_MS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static int fd, epfd;

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void by_poll(int ms) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  poll(&entry, 1, ms);
}

static void by_select(int ms) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  struct timeval limit = {.tv_usec = ms * 1000};
  select(fd + 1, &readable, NULL, NULL, &limit);
}

static void by_epoll(int ms) {
  struct epoll_event event;
  epoll_wait(epfd, &event, 1, ms);
}

static void by_receive(int ms) {
  struct timeval limit = {.tv_usec = ms * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  char byte;
  recv(fd, &byte, 1, 0);
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static void measure(const char *name, void (*wait)(int ms), int ms, int rounds) {
  double *late = calloc(rounds, sizeof *late);
  wait(ms); // the first compiles
  for (int i = 0; i < rounds; i++) {
    double start = now_ms();
    wait(ms);
    late[i] = now_ms() - start - ms;
  }
  qsort(late, rounds, sizeof *late, ascending);
  printf("%s %d %.3f %.3f %.3f\n", name, ms, late[rounds / 2], late[rounds * 95 / 100], late[rounds - 1]);
  free(late);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 50;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    perror("bind 127.0.0.1");
    return 1;
  }
  epfd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event);
  int limits[] = {1, 2, 5, 10, 50};
  for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
    measure("poll", by_poll, limits[i], rounds);
    measure("select", by_select, limits[i], rounds);
    measure("epoll_wait", by_epoll, limits[i], rounds);
    measure("SO_RCVTIMEO", by_receive, limits[i], rounds);
  }
  return 0;
}
