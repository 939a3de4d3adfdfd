// Memory that one thread grew is where another thread's call puts what it receives, and takes what it sends.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LARGE = 64 << 20, LENGTH = 1200 };

static int fd;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void *receive(void *buffer) { return (void *)recv(fd, buffer, LENGTH, 0); }

int main(void) {
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  socklen_t length = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, (struct sockaddr *)&address, length);
  getsockname(fd, (struct sockaddr *)&address, &length);
  // Beyond the 16 MiB that a program starts with.
  char *from = (char *)malloc(LARGE) + LARGE - LENGTH, *to = (char *)malloc(LARGE) + LARGE - LENGTH;
  memset(from, 'x', LENGTH);
  memset(to, 0, LENGTH);
  pthread_t thread;
  pthread_create(&thread, NULL, receive, to);
  sendto(fd, from, LENGTH, 0, (struct sockaddr *)&address, sizeof address);
  void *got;
  pthread_join(thread, &got);
  printf("%ld %s\n", (long)got, memcmp(from, to, LENGTH) == 0 ? "same" : "different");
  return 0;
}
