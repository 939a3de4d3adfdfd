// Opens and closes sockets of every kind in rounds, and counts the streams and nodes of the file system after each. Then it
// waits for a datagram, so that the system's sockets can be counted from outside.
#include <arpa/inet.h>
#include <emscripten.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

EM_JS(int, count_streams, (void), { return FS.streams.filter(Boolean).length; });
EM_JS(int, count_nodes, (void), {
  let count = 0;
  for (let node of FS.nameTable) for (; node; node = node.name_next) count++;
  return count;
});

#define ROUNDS 5
#define UDP 20
#define TCP 5

static struct sockaddr_in address = {.sin_family = AF_INET};

static void must(long value, const char *what) {
  if (value >= 0) return;
  perror(what);
  exit(1);
}

static int bound(int type, const char *host) {
  int fd = socket(AF_INET, type, 0);
  must(fd, "socket");
  address.sin_port = 0;
  inet_pton(AF_INET, host, &address.sin_addr);
  must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
  socklen_t length = sizeof address;
  must(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
  return fd;
}

static void round_of(const char *host) {
  int datagram[UDP], listener[TCP], client[TCP], server[TCP], epfd = epoll_create1(0);
  for (int i = 0; i < UDP; i++) {
    datagram[i] = bound(SOCK_DGRAM, host);
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll_ctl(epfd, EPOLL_CTL_ADD, datagram[i], &event), "EPOLL_CTL_ADD");
    // To itself, and never read.
    must(sendto(datagram[i], "x", 1, 0, (struct sockaddr *)&address, sizeof address), "sendto");
  }
  for (int i = 0; i < TCP; i++) {
    listener[i] = bound(SOCK_STREAM, host);
    must(listen(listener[i], 1), "listen");
    client[i] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(client[i], (struct sockaddr *)&address, sizeof address), "connect");
    server[i] = accept(listener[i], NULL, NULL);
    must(send(client[i], "x", 1, 0), "send");
  }
  int copy = dup(datagram[0]);
  for (int i = 0; i < UDP; i++) close(datagram[i]);
  for (int i = 0; i < TCP; i++) {
    close(listener[i]);
    close(client[i]);
    close(server[i]);
  }
  close(copy);
  close(epfd);
  // A socket that was never bound, and one whose bind fails.
  close(socket(AF_INET, SOCK_STREAM, 0));
  int taken = bound(SOCK_DGRAM, host), second = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(second, (struct sockaddr *)&address, sizeof address) == 0) puts("the same port twice");
  close(taken);
  close(second);
}

int main(int argc, char **argv) {
  const char *host = argc > 1 ? argv[1] : "127.0.0.1";
  int control = bound(SOCK_DGRAM, "127.0.0.1"), port = ntohs(address.sin_port);
  for (int i = 0; i < ROUNDS; i++) {
    round_of(host);
    printf("round: %d streams, %d nodes\n", count_streams(), count_nodes());
  }
  printf("port %d\n", port);
  char byte;
  must(recv(control, &byte, 1, 0), "recv");
  return 0;
}
