// A write that the browser rejects, in the midst of others: the socket goes on, on its port, in both directions.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct sockaddr_in name_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  return address;
}

static int bound(int stripes) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (stripes > 1) setsockopt(fd, 0x4453, 1, &stripes, sizeof stripes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) perror("bind");
  return fd;
}

static void say(int fd, const char *text, struct sockaddr_in to) {
  if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof to) < 0) perror(text);
}

static const char *hear(int fd, struct sockaddr_in *from) {
  static char text[64];
  socklen_t length = sizeof *from;
  ssize_t got = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)from, &length);
  if (got < 0) return strerror(errno);
  text[got] = 0;
  return text;
}

int main(int argc, char **argv) {
  int a = bound(argc > 1 ? atoi(argv[1]) : 1), b = bound(1);
  struct sockaddr_in here = name_of(a), peer = name_of(b), from, nobody = peer;
  for (int round = 0; round < 3; round++) {
    // Another address each time, because that of a rejected write is refused for a second.
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + round);
    say(a, "before", peer);
    printf("%s\n", hear(b, &from));
    say(a, "FAIL", nobody);
    say(a, "after", peer);
    const char *text = hear(b, &from);
    printf("%s from %s port\n", text, from.sin_port == here.sin_port ? "the same" : "another");
    // The answer comes to a socket that may be between closing and opening: UDP, so ask again.
    struct timeval limit = {.tv_usec = 200000};
    setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int attempt = 0; attempt < 50; attempt++) {
      say(b, "answer", from);
      text = hear(a, &from);
      if (strcmp(text, "answer") == 0) break;
      from = here;
    }
    printf("%s\n", text);
    limit = (struct timeval){0};
    while (recv(a, &limit, sizeof limit, MSG_DONTWAIT) >= 0) continue;
  }
  return 0;
}
