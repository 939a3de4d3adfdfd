// exit() on a second thread ends the program while main() and a third thread wait, and what was sent before arrives: it
// sends 1 MiB to the port of its first argument and leaves the connection open.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { LENGTH = 1 << 20 };

static int fd;

static void *wait_for_ever(void *argument) {
  char byte;
  recv(fd, &byte, 1, 0);
  puts("a wait ended");
  return argument;
}

static void *send_and_exit(void *argument) {
  char *data = calloc(1, LENGTH);
  for (size_t sent = 0; sent < LENGTH;) {
    ssize_t n = send(fd, data + sent, LENGTH - sent, 0);
    if (n < 0) {
      perror("send");
      exit(1);
    }
    sent += n;
  }
  printf("no newline");
  exit(3);
  return argument;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    perror("connect");
    return 1;
  }
  pthread_t waiting, sending;
  pthread_create(&waiting, NULL, wait_for_ever, NULL);
  pthread_create(&sending, NULL, send_and_exit, NULL);
  wait_for_ever(NULL);
  return 0;
}
