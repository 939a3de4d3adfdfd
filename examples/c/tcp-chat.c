// A chat server over TCP: what one client says in a line, all others get. One thread, one poll(), non-blocking sockets.
//
//     tcp-chat [ADDRESS [PORT]]        127.0.0.1 and a free port, if nothing is said
//
// Talk to it with `nc ADDRESS PORT`. It runs until its standard input ends. On Linux: cc tcp-chat.c -o tcp-chat
// In an Isolated Web App Chrome gives a TCP server ports from 32768 on.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STDIN, LISTENER, FIRST_CLIENT, MOST = FIRST_CLIENT + 64, LINE = 1024, BACKLOG = 16384 };

struct client {
  int number;
  const char *lost;  // why it is to leave, or NULL
  char line[LINE];   // what came of a line so far
  size_t have;
  char *unsent;      // BACKLOG bytes: what it has still to get
  size_t waiting;
};

static struct pollfd watched[MOST];
static struct client clients[MOST];
static int count = FIRST_CLIENT;

// To everybody, or everybody but one: at once, or when they can take it.
static void say(int except, const char *text) {
  printf("%s", text);
  size_t length = strlen(text);
  for (int i = FIRST_CLIENT; i < count; i++) {
    struct client *client = &clients[i];
    if (i == except || client->lost) continue;
    if (client->waiting + length > BACKLOG) {
      client->lost = "is too slow";
      continue;
    }
    memcpy(client->unsent + client->waiting, text, length);
    client->waiting += length;
    watched[i].events |= POLLOUT;
  }
}

// Takes away who is lost. That is said to the others, of whom one may be lost by it.
static void sweep(void) {
  for (int i = count - 1; i >= FIRST_CLIENT; i--) {
    if (!clients[i].lost) continue;
    char text[64];
    snprintf(text, sizeof text, "* %d %s\n", clients[i].number, clients[i].lost);
    close(watched[i].fd);
    free(clients[i].unsent);
    count--;
    // The last one takes its place.
    watched[i] = watched[count];
    clients[i] = clients[count];
    say(-1, text);
    i = count; // from the end again
  }
}

static void welcome(void) {
  static int next = 1;
  int fd = accept(watched[LISTENER].fd, NULL, NULL);
  if (fd < 0) return; // gone again
  char *unsent = count < MOST ? malloc(BACKLOG) : NULL;
  if (!unsent) {
    close(fd);
    return;
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  watched[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  clients[count] = (struct client){.number = next++, .unsent = unsent};
  char text[64];
  snprintf(text, sizeof text, "* %d is here\n", clients[count].number);
  count++;
  say(-1, text);
}

// What a client said.
static void hear(int i) {
  struct client *client = &clients[i];
  ssize_t size = recv(watched[i].fd, client->line + client->have, LINE - client->have, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    client->lost = "is gone";
    return;
  }
  client->have += size;
  char *start = client->line, *end = client->line + client->have, *newline;
  while ((newline = memchr(start, '\n', end - start)) || (start == client->line && client->have == LINE)) {
    // A line that does not fit is passed on in pieces.
    char *stop = newline ? newline : end, text[LINE + 32];
    snprintf(text, sizeof text, "%d: %.*s\n", client->number, (int)(stop - start), start);
    say(i, text);
    start = newline ? newline + 1 : end;
  }
  client->have = end - start;
  memmove(client->line, start, client->have);
}

// What it has still to get.
static void flush(int i) {
  struct client *client = &clients[i];
  ssize_t size = send(watched[i].fd, client->unsent, client->waiting, MSG_NOSIGNAL);
  if (size < 0) {
    if (errno != EAGAIN) client->lost = "is gone";
    return;
  }
  client->waiting -= size;
  memmove(client->unsent, client->unsent + size, client->waiting);
  if (client->waiting == 0) watched[i].events &= ~POLLOUT;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0); // each line at once, into a pipe too
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, argc > 1 ? argv[1] : "127.0.0.1", &address.sin_addr) != 1) {
    fprintf(stderr, "usage: tcp-chat [IPv4-ADDRESS [PORT]]\n");
    return 2;
  }
  address.sin_port = htons(argc > 2 ? atoi(argv[2]) : 0);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
    perror("listen");
    return 1;
  }
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  char text[INET_ADDRSTRLEN];
  printf("listening on %s:%d\n", inet_ntop(AF_INET, &address.sin_addr, text, sizeof text), ntohs(address.sin_port));

  watched[STDIN] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  watched[LISTENER] = (struct pollfd){.fd = fd, .events = POLLIN};
  for (;;) {
    if (poll(watched, count, -1) < 0) {
      perror("poll");
      return 1;
    }
    for (int i = FIRST_CLIENT; i < count; i++) {
      if (watched[i].revents & POLLOUT) flush(i);
      if (watched[i].revents & (POLLIN | POLLHUP | POLLERR)) hear(i);
    }
    sweep();
    if (watched[LISTENER].revents) welcome();
    if (watched[STDIN].revents && read(STDIN_FILENO, text, sizeof text) <= 0) break;
  }
  say(-1, "* the server ends\n");
  for (int i = count - 1; i >= FIRST_CLIENT; i--) flush(i);
  return 0;
}
