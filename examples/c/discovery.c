// Two programs that find each other by multicast, with no address configured: each says who it is to a group, hears the
// others, and answers one that it has not heard of. The first thing that a printer, a game or a peer-to-peer program does.
//
//     discovery NAME [GROUP PORT]      239.255.77.77 and 7777, if nothing is said
//
// It prints the first peer that it finds, and ends. Both share the port, which takes SO_REUSEADDR; the manifest of an
// Isolated Web App needs "direct-sockets-multicast" for it.
// On Linux: cc discovery.c -o discovery
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(argc > 3 ? atoi(argv[3]) : 7777)};
  struct ip_mreq membership = {.imr_interface.s_addr = INADDR_ANY};
  if ((argc != 2 && argc != 4) || strlen(argv[1]) > 32 || strchr(argv[1], ' ') ||
      inet_pton(AF_INET, argc > 2 ? argv[2] : "239.255.77.77", &group.sin_addr) != 1) {
    fprintf(stderr, "usage: discovery NAME [GROUP PORT]\n");
    return 2;
  }
  membership.imr_multiaddr = group.sin_addr;

  int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = group.sin_port};
  struct timeval limit = {.tv_usec = 500000};
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(fd, (struct sockaddr *)&any, sizeof any) < 0 ||
      setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) {
    perror("joining the group");
    return 1;
  }

  // Two programs may have one name: who is who tells a number.
  unsigned id;
  getentropy(&id, sizeof id);
  char announcement[64];
  snprintf(announcement, sizeof announcement, "here %08x %s", id, argv[1]);
  for (;;) {
    if (sendto(fd, announcement, strlen(announcement), 0, (struct sockaddr *)&group, sizeof group) < 0) {
      perror("sendto");
      return 1;
    }
    char text[64], name[33], address[INET_ADDRSTRLEN];
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    ssize_t size;
    while ((size = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&peer, &length)) >= 0) {
      unsigned other;
      text[size] = 0;
      length = sizeof peer;
      if (sscanf(text, "here %8x %32s", &other, name) != 2 || other == id) continue;
      printf("%s is at %s\n", name, inet_ntop(AF_INET, &peer.sin_addr, address, sizeof address));
      // Once more, for a peer that came after the last time.
      sendto(fd, announcement, strlen(announcement), 0, (struct sockaddr *)&group, sizeof group);
      return 0;
    }
    if (errno != EAGAIN) {
      perror("recvfrom");
      return 1;
    }
  }
}
