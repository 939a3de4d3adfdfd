// What the conformance programs share. A program is a list of cases; a case shows one behaviour of the socket calls and
// prints one line, "name: result", that is the same wherever the behaviour is. No addresses, ports or times in it.
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// One call with an effect in each result(): C leaves the order of evaluating arguments open.
#define CASE(name) static void name(void)
#define RUN(name) (current = #name, name())

static const char *current = "";

__attribute__((format(printf, 1, 2))) static void result(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("%s: ", current);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  fflush(stdout);
}

// The name of the errno a call left, "ok" for success, the number for a positive result.
static const char *outcome(long value) {
  static char texts[8][32];
  static int next;
  if (value == 0) return "ok";
  char *text = texts[next++ % 8];
  if (value > 0) {
    snprintf(text, sizeof texts[0], "%ld", value);
    return text;
  }
  switch (errno) {
    case EACCES: return "EACCES";
    case EADDRINUSE: return "EADDRINUSE";
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EAGAIN: return "EAGAIN";
    case EBADF: return "EBADF";
    case EALREADY: return "EALREADY";
    case ECONNREFUSED: return "ECONNREFUSED";
    case ECONNRESET: return "ECONNRESET";
    case EDESTADDRREQ: return "EDESTADDRREQ";
    case EDOM: return "EDOM";
    case EEXIST: return "EEXIST";
    case EFAULT: return "EFAULT";
    case EINPROGRESS: return "EINPROGRESS";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case EISCONN: return "EISCONN";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case EMSGSIZE: return "EMSGSIZE";
    case ENETUNREACH: return "ENETUNREACH";
    case ENOBUFS: return "ENOBUFS";
    case ENODEV: return "ENODEV";
    case ENOENT: return "ENOENT";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    case ENOSYS: return "ENOSYS";
    case ENOTCONN: return "ENOTCONN";
    case ENOTSOCK: return "ENOTSOCK";
    case ENOTTY: return "ENOTTY";
    case EOPNOTSUPP: return "EOPNOTSUPP";
    case EPERM: return "EPERM";
    case EPIPE: return "EPIPE";
    case EPROTONOSUPPORT: return "EPROTONOSUPPORT";
    case ESOCKTNOSUPPORT: return "ESOCKTNOSUPPORT";
    case ESPIPE: return "ESPIPE";
    case ETIMEDOUT: return "ETIMEDOUT";
    default: snprintf(text, sizeof texts[0], "errno %s", strerror(errno)); return text;
  }
}

// Any address, with its length.
typedef struct {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  };
  socklen_t length;
} Address;

__attribute__((unused)) static Address v4(const char *text, int port) {
  Address address = {.length = sizeof address.v4};
  address.v4.sin_family = AF_INET;
  address.v4.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.v4.sin_addr);
  return address;
}

__attribute__((unused)) static Address v6(const char *text, int port) {
  Address address = {.length = sizeof address.v6};
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(port);
  inet_pton(AF_INET6, text, &address.v6.sin6_addr);
  return address;
}

__attribute__((unused)) static const char *host(const Address *address) {
  static char texts[4][INET6_ADDRSTRLEN];
  static int next;
  char *text = texts[next++ % 4];
  if (address->any.sa_family == AF_INET) inet_ntop(AF_INET, &address->v4.sin_addr, text, INET6_ADDRSTRLEN);
  else inet_ntop(AF_INET6, &address->v6.sin6_addr, text, INET6_ADDRSTRLEN);
  return text;
}

__attribute__((unused)) static int port(const Address *address) {
  return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

__attribute__((unused)) static int same(const Address *a, const Address *b) {
  return strcmp(host(a), host(b)) == 0 && port(a) == port(b);
}

// The test cannot go on: says what failed and ends the program.
__attribute__((unused)) static void must(long value, const char *what) {
  if (value >= 0) return;
  printf("%s: SETUP FAILED: %s: %s\n", current, what, outcome(value));
  exit(1);
}

__attribute__((unused)) static Address local(int fd) {
  Address address = {.length = sizeof(struct sockaddr_in6)};
  must(getsockname(fd, &address.any, &address.length), "getsockname");
  return address;
}

__attribute__((unused)) static int udp(int family) {
  int fd = socket(family, SOCK_DGRAM, 0);
  must(fd, "socket");
  return fd;
}

__attribute__((unused)) static void timeout(int fd, int option, int ms) {
  struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  must(setsockopt(fd, SOL_SOCKET, option, &time, sizeof time), "setsockopt");
}

// An IPv4 socket on a free port of the loopback interface. A datagram that never comes is EAGAIN after a while, so that a
// failure is a wrong line and not a program that hangs.
__attribute__((unused)) static int bound(void) {
  int fd = udp(AF_INET);
  timeout(fd, SO_RCVTIMEO, 5000);
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  return fd;
}

__attribute__((unused)) static int bound6(void) {
  int fd = udp(AF_INET6);
  timeout(fd, SO_RCVTIMEO, 5000);
  Address address = v6("::1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  return fd;
}

__attribute__((unused)) static ssize_t to(int fd, const void *data, size_t length, Address address) {
  return sendto(fd, data, length, 0, &address.any, address.length);
}

// One datagram of text from one socket to another.
__attribute__((unused)) static void pass(int from, int receiver, const char *text) {
  must(to(from, text, strlen(text), local(receiver)), "sendto");
}

// Waits until a datagram can be read, so that a call that does not wait finds it.
__attribute__((unused)) static void arrive(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  must(poll(&entry, 1, -1), "poll");
}

// What recv() gives as text: the datagram, or the errno.
__attribute__((unused)) static const char *received(int fd, int flags) {
  static char texts[4][64];
  static int next;
  char *text = texts[next++ % 4];
  ssize_t length = recv(fd, text, sizeof texts[0] - 1, flags);
  if (length < 0) return outcome(length);
  text[length] = 0;
  return text;
}

__attribute__((unused)) static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

// poll's revents by name.
__attribute__((unused)) static const char *events(int revents) {
  static char texts[4][96];
  static int next;
  char *text = texts[next++ % 4];
  text[0] = 0;
  if (revents & POLLIN) strcat(text, " IN");
  if (revents & POLLOUT) strcat(text, " OUT");
  if (revents & POLLERR) strcat(text, " ERR");
  if (revents & POLLHUP) strcat(text, " HUP");
  if (revents & POLLRDHUP) strcat(text, " RDHUP");
  if (revents & POLLNVAL) strcat(text, " NVAL");
  return text[0] ? text + 1 : "none";
}

#endif
