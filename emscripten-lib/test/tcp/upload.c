// Sends the stream of stream.h to a TCP server and reads a line of answer, for test/upload.test.js:
//   upload PORT BYTES CHUNK_MIN CHUNK_MAX SEED [blocking | poll | close]
// Chunk sizes are spread evenly over the powers of two. `poll` sends on a non-blocking socket; `close` closes at once
// instead of waiting for the answer. Prints the answer and how often send() had to wait.
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint32_t state;

static double spread(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state / 4294967296.0;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  uint64_t total = strtoull(argv[2], NULL, 10), sent = 0;
  size_t min = atol(argv[3]), max = atol(argv[4]);
  state = atoi(argv[5]) | 1;
  const char *mode = argc > 6 ? argv[6] : "blocking";
  uint8_t *chunk = malloc(max);

  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0) die("connect");
  if (strcmp(mode, "poll") == 0) fcntl(fd, F_SETFL, O_NONBLOCK);

  long waits = 0;
  while (sent < total) {
    size_t length = max > min ? (size_t)(min * pow((double)max / min, spread())) : min;
    if (length > total - sent) length = total - sent;
    fill(chunk, sent, length);
    for (size_t done = 0; done < length;) {
      ssize_t n = send(fd, chunk + done, length - done, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno != EAGAIN) die("send");
        waits++;
        struct pollfd entry = {.fd = fd, .events = POLLOUT};
        if (poll(&entry, 1, -1) < 0) die("poll");
        continue;
      }
      done += n;
    }
    sent += length;
  }
  if (strcmp(mode, "close") == 0) {
    if (close(fd) < 0) die("close");
    printf("closed\n");
    return 0;
  }
  fcntl(fd, F_SETFL, 0);
  char answer[256] = "";
  size_t got = 0;
  while (got < sizeof answer - 1 && !strchr(answer, '\n')) {
    ssize_t n = recv(fd, answer + got, sizeof answer - 1 - got, 0);
    if (n < 0) die("recv");
    if (n == 0) break;
    got += n;
  }
  printf("%s", answer);
  printf("waited %s\n", waits > 0 ? "yes" : "no");
  return 0;
}
