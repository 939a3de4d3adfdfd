// Reads the stream of stream.h from a TCP server, slower than it comes, for test/download.test.js:
//   download PORT PIECE PAUSE FIRST_PAUSE
// Takes PIECE bytes at a time, and pauses for PAUSE ms after each and for FIRST_PAUSE before the first. Prints how many came,
// whether they were the right ones, and how it ended.
#include "stream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  size_t piece = atol(argv[2]);
  int pause = atoi(argv[3]);
  uint8_t *got = malloc(piece), *expected = malloc(piece);

  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &peer.sin_addr);
  if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) die("connect");
  poll(NULL, 0, atoi(argv[4]));

  uint64_t total = 0;
  const char *content = "right";
  ssize_t n;
  while ((n = recv(fd, got, piece, 0)) > 0) {
    fill(expected, total, n);
    if (memcmp(got, expected, n) != 0) content = "wrong";
    total += n;
    if (pause > 0) poll(NULL, 0, pause);
  }
  printf("%llu %s bytes, then %s\n", (unsigned long long)total, content, n == 0 ? "the end" : strerror(errno));
}
