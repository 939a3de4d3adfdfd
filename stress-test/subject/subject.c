// What is measured: plain POSIX sockets doing one thing, natively and as WebAssembly. The other end, which keeps the time,
// is socket-iwa-bench. Prints "port N" where it serves, and "NAME VALUE" lines at its end; exits with 1 and a line that
// names the call when one fails. A peer that is silent for SILENCE seconds has gone.
//
//   udp-echo STRIPES                    until a datagram of one byte
//   udp-send PORT SIZE MS STRIPES       as many as it can
//   udp-receive SIZE MS STRIPES         counts from the first one on
//   tcp-upload PORT BYTES CHUNK         then waits for a byte of answer
//   tcp-download PORT BYTES CHUNK CHECK
//   tcp-connect PORT COUNT              connects and closes
//   tcp-accept COUNT                    accepts and closes
//   tcp-echo                            one connection
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SOL_DIRECTSOCKETS 0x4453
#define DS_STRIPES 1
#define SILENCE 30
// The stream of bulk transfers repeats after so many bytes, a prime: a piece that is lost or doubled shifts it.
#define PERIOD 1048573
#define CHUNK_MAX (4 << 20)
#define UDP_BUFFER (4 << 20)

static uint8_t data[65536];

static void die(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int make(int type) {
  int fd = socket(AF_INET, type, 0);
  if (fd < 0) die("socket");
  struct timeval silence = {.tv_sec = SILENCE};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) < 0) die("SO_RCVTIMEO");
  return fd;
}

static void serve(int fd) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, length) < 0) die("bind");
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) die("getsockname");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
}

static int dial(int port) {
  int fd = make(SOCK_STREAM);
  struct sockaddr_in peer = loopback(port);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0) die("connect");
  return fd;
}

static int make_udp(int stripes) {
  int fd = make(SOCK_DGRAM), buffer = UDP_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  // Linux has no stripes.
  if (stripes > 1) setsockopt(fd, SOL_DIRECTSOCKETS, DS_STRIPES, &stripes, sizeof stripes);
  return fd;
}

static void udp_echo(int stripes) {
  int fd = make_udp(stripes);
  serve(fd);
  for (;;) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&peer, &length);
    if (got < 0) die("recvfrom");
    if (got == 1) return;
    if (sendto(fd, data, got, 0, (struct sockaddr *)&peer, length) < 0) die("sendto");
  }
}

static void udp_send(int port, size_t size, double ms, int stripes) {
  int fd = make_udp(stripes);
  struct sockaddr_in peer = loopback(port);
  long sent = 0;
  for (double end = now_ms() + ms; now_ms() < end;) {
    for (int i = 0; i < 16; i++) {
      if (sendto(fd, data, size, 0, (struct sockaddr *)&peer, sizeof peer) < 0) die("sendto");
      sent++;
    }
  }
  close(fd);
  printf("sent %ld\n", sent);
}

static void udp_receive(size_t size, double ms, int stripes) {
  int fd = make_udp(stripes);
  serve(fd);
  long count = 0;
  double start = 0, time;
  do {
    for (int i = 0; i < 16; i++) {
      ssize_t got = recv(fd, data, sizeof data, 0);
      if (got < 0) die("recv");
      if (start == 0) start = now_ms();
      count += (size_t)got == size;
    }
    time = now_ms() - start;
  } while (time < ms);
  close(fd);
  printf("received %ld\nms %.3f\n", count, time);
}

// The stream's first PERIOD bytes and so many more that any chunk of it lies in one piece.
static uint8_t *stream(size_t chunk) {
  uint8_t *bytes = malloc(PERIOD + chunk);
  if (!bytes) die("malloc");
  for (uint32_t i = 0; i < PERIOD; i++) {
    uint32_t k = i * 2654435761u;
    bytes[i] = (k >> 24) ^ (k >> 13);
  }
  for (size_t i = 0; i < chunk; i++) bytes[PERIOD + i] = bytes[i % PERIOD];
  return bytes;
}

static void tcp_upload(int port, uint64_t total, size_t chunk) {
  uint8_t *bytes = stream(chunk);
  int fd = dial(port);
  for (uint64_t sent = 0; sent < total;) {
    size_t length = total - sent < chunk ? total - sent : chunk;
    for (size_t done = 0; done < length;) {
      ssize_t n = send(fd, bytes + (sent + done) % PERIOD, length - done, MSG_NOSIGNAL);
      if (n < 0) die("send");
      done += n;
    }
    sent += length;
  }
  if (recv(fd, data, 1, 0) != 1) die("recv of the answer");
  close(fd);
}

static void tcp_download(int port, uint64_t total, size_t chunk, int check) {
  uint8_t *bytes = stream(chunk), *got = malloc(chunk);
  int fd = dial(port);
  for (uint64_t received = 0; received < total;) {
    ssize_t n = recv(fd, got, chunk, 0);
    if (n < 0) die("recv");
    if (n == 0) {
      printf("the stream ended after %llu bytes of %llu\n", (unsigned long long)received, (unsigned long long)total);
      exit(1);
    }
    if (check && memcmp(got, bytes + received % PERIOD, n) != 0) {
      printf("wrong bytes after %llu\n", (unsigned long long)received);
      exit(1);
    }
    received += n;
  }
  if (send(fd, data, 1, MSG_NOSIGNAL) != 1) die("send of the answer");
  recv(fd, data, 1, 0);
  close(fd);
}

static void tcp_connect(int port, long count) {
  for (long i = 0; i < count; i++) close(dial(port));
}

static void tcp_accept(long count) {
  int fd = make(SOCK_STREAM);
  serve(fd);
  if (listen(fd, 1024) < 0) die("listen");
  // The other end may connect from here on.
  puts("listening 1");
  fflush(stdout);
  for (long i = 0; i < count; i++) {
    int connection = accept(fd, NULL, NULL);
    if (connection < 0) die("accept");
    close(connection);
  }
}

static void tcp_echo(void) {
  int fd = make(SOCK_STREAM), on = 1;
  serve(fd);
  if (listen(fd, 1) < 0) die("listen");
  puts("listening 1");
  fflush(stdout);
  int connection = accept(fd, NULL, NULL);
  if (connection < 0) die("accept");
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (;;) {
    ssize_t got = recv(connection, data, sizeof data, 0);
    if (got < 0) die("recv");
    if (got == 0) return;
    for (ssize_t done = 0; done < got;) {
      ssize_t n = send(connection, data + done, got - done, MSG_NOSIGNAL);
      if (n < 0) die("send");
      done += n;
    }
  }
}

int main(int argc, char **argv) {
  long a[4] = {0};
  for (int i = 2; i < argc && i < 6; i++) a[i - 2] = atol(argv[i]);
  const char *mode = argc > 1 ? argv[1] : "";
  int given = argc - 2;
  if (strcmp(mode, "udp-echo") == 0 && given == 1) udp_echo(a[0]);
  else if (strcmp(mode, "udp-send") == 0 && given == 4) udp_send(a[0], a[1], a[2], a[3]);
  else if (strcmp(mode, "udp-receive") == 0 && given == 3) udp_receive(a[0], a[1], a[2]);
  else if (strcmp(mode, "tcp-upload") == 0 && given == 3 && a[2] <= CHUNK_MAX) tcp_upload(a[0], a[1], a[2]);
  else if (strcmp(mode, "tcp-download") == 0 && given == 4 && a[2] <= CHUNK_MAX) tcp_download(a[0], a[1], a[2], a[3]);
  else if (strcmp(mode, "tcp-connect") == 0 && given == 2) tcp_connect(a[0], a[1]);
  else if (strcmp(mode, "tcp-accept") == 0 && given == 1) tcp_accept(a[0]);
  else if (strcmp(mode, "tcp-echo") == 0 && given == 0) tcp_echo();
  else {
    printf("subject: bad arguments\n");
    return 2;
  }
  puts("done");
  return 0;
}
