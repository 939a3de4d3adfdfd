// Looks names up, from main, and with "callback" first from where nothing can suspend.
//   resolve NAME...                    what getaddrinfo and gethostbyname say of each
//   resolve callback NAME TCP UDP      looks NAME up in a callback, and talks to its TCP and UDP ports
#include <arpa/inet.h>
#include <emscripten.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *address(const struct sockaddr *from) {
  static char text[NI_MAXHOST];
  socklen_t length = from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  getnameinfo(from, length, text, sizeof text, NULL, 0, NI_NUMERICHOST);
  return text;
}

static void look_up(const char *name) {
  struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
  int code = getaddrinfo(name, "80", &hints, &list);
  if (code != 0) {
    printf("%s: %d\n", name, code);
    return;
  }
  printf("%s:", name);
  for (const struct addrinfo *info = list; info; info = info->ai_next) printf(" %s", address(info->ai_addr));
  printf(", %s", list->ai_canonname);
  freeaddrinfo(list);
  struct hostent *entry = gethostbyname(name);
  char text[INET_ADDRSTRLEN];
  printf(", %s\n", inet_ntop(AF_INET, entry->h_addr_list[0], text, sizeof text));
}

static char **arguments;
static int tcp, udp;
static struct sockaddr_in peer;
static int tcp_done, udp_sent, udp_done;

// As a main loop does: tries, and comes again later.
static void loop(void *unused) {
  char byte;
  struct pollfd entry = {.fd = tcp, .events = POLLOUT};
  if (!tcp_done && poll(&entry, 1, 0) == 1) {
    int error;
    socklen_t length = sizeof error;
    getsockopt(tcp, SOL_SOCKET, SO_ERROR, &error, &length);
    printf("tcp %s\n", error ? strerror(error) : "connected");
    tcp_done = 1;
  }
  if (!udp_sent) {
    peer.sin_port = htons(atoi(arguments[4]));
    if (sendto(udp, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&peer, sizeof peer) == 1) udp_sent = 1;
    else if (errno != EAGAIN) {
      printf("udp %s\n", strerror(errno));
      udp_sent = udp_done = 1;
    }
  }
  if (udp_sent && !udp_done && recv(udp, &byte, 1, MSG_DONTWAIT) == 1) {
    printf("udp answered\n");
    udp_done = 1;
  }
  if (tcp_done && udp_done) {
    // A second lookup gives an address that stands for the name just as well.
    char name[NI_MAXHOST] = "";
    getnameinfo((struct sockaddr *)&peer, sizeof peer, name, sizeof name, NULL, 0, 0);
    printf("its name is %s\n", name);
    emscripten_force_exit(0);
  }
  emscripten_async_call(loop, NULL, 1);
}

static void in_callback(void *unused) {
  struct addrinfo *list, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  int code = getaddrinfo(arguments[2], arguments[3], &hints, &list);
  if (code != 0) {
    printf("getaddrinfo %d\n", code);
    emscripten_force_exit(1);
  }
  peer = *(struct sockaddr_in *)list->ai_addr;
  freeaddrinfo(list);
  struct hostent *entry = gethostbyname(arguments[2]);
  int same = memcmp(entry->h_addr_list[0], &peer.sin_addr, 4) == 0;
  printf("made up %d, gethostbyname %s\n", ntohl(peer.sin_addr.s_addr) >> 28 == 15, same ? "agrees" : "differs");
  tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  udp = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(tcp, (struct sockaddr *)&peer, sizeof peer) == 0 || errno != EINPROGRESS) printf("connect %s\n", strerror(errno));
  loop(NULL);
}

int main(int count, char **list) {
  arguments = list;
  if (count > 1 && strcmp(list[1], "callback") == 0) {
    emscripten_async_call(in_callback, NULL, 0);
    emscripten_exit_with_live_runtime();
  }
  for (int i = 1; i < count; i++) look_up(list[i]);
  return 0;
}
