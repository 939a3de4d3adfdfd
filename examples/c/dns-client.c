// Asks a DNS server for the IPv4 addresses of a name: a query over UDP, with a time limit and a second try.
//
//     dns-client SERVER[:PORT] NAME
//
// A program that only wants an address calls getaddrinfo(), which asks the system's resolver; this one shows a protocol
// of request and answer on a connected UDP socket. On Linux: cc dns-client.c -o dns-client
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_CNAME = 5, CLASS_IN = 1, HEADER = 12, ANSWER = 1232 };

static unsigned short number(const unsigned char *at) { return at[0] << 8 | at[1]; }

// RFC 1035, section 4.1. The length of the query, or 0 for what is no name.
static size_t make_query(unsigned char *query, size_t size, unsigned short id, const char *name) {
  if (HEADER + strlen(name) + 6 > size) return 0;
  const unsigned char header[HEADER] = {id >> 8, id & 255, 1 /* recursion, please */, 0, 0, 1 /* question */};
  memcpy(query, header, HEADER);
  unsigned char *at = query + HEADER;
  while (*name) {
    size_t label = strcspn(name, ".");
    if (label == 0 || label > 63) return 0;
    *at++ = label;
    memcpy(at, name, label);
    at += label;
    name += label + (name[label] == '.');
  }
  memcpy(at, "\0\0\1\0\1", 5); // the root, type A, class IN
  return at + 5 - query;
}

// Behind a name, which may end in a pointer to an earlier one; NULL if that is behind the end.
static const unsigned char *skip_name(const unsigned char *at, const unsigned char *end) {
  while (at < end) {
    if (*at == 0) return at + 1;
    if (*at >= 0xc0) return at + 2 <= end ? at + 2 : NULL;
    at += *at + 1;
  }
  return NULL;
}

// Prints the addresses of an answer. The exit code of the program.
static int show(const unsigned char *answer, size_t length) {
  const unsigned char *at = answer + HEADER, *end = answer + length;
  int code = answer[3] & 15;
  if (code) {
    fprintf(stderr, code == 3 ? "there is no such name\n" : "the server failed: code %d\n", code);
    return 1;
  }
  if (answer[2] & 2) fprintf(stderr, "the answer is cut off: ask by TCP for all of it\n");
  for (int questions = number(answer + 4); questions && at; questions--) {
    at = skip_name(at, end);
    at = at && at + 4 <= end ? at + 4 : NULL;
  }
  int shown = 0;
  for (int answers = number(answer + 6); answers && at; answers--) {
    at = skip_name(at, end);
    if (!at || at + 10 > end || at + 10 + number(at + 8) > end) break;
    char text[INET_ADDRSTRLEN];
    if (number(at) == TYPE_A && number(at + 2) == CLASS_IN && number(at + 8) == 4) {
      printf("%s\n", inet_ntop(AF_INET, at + 10, text, sizeof text));
      shown++;
    }
    at += 10 + number(at + 8);
  }
  if (!shown) fprintf(stderr, "the name has no IPv4 address\n");
  return shown ? 0 : 1;
}

int main(int argc, char **argv) {
  char *colon = argc == 3 ? strrchr(argv[1], ':') : NULL;
  if (colon) *colon = 0;
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(colon ? atoi(colon + 1) : 53)};
  if (argc != 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
    fprintf(stderr, "usage: dns-client SERVER[:PORT] NAME\n");
    return 2;
  }
  unsigned short id;
  unsigned char query[HEADER + 256 + 6], answer[ANSWER];
  getentropy(&id, sizeof id); // nobody else knows it: RFC 5452
  size_t length = make_query(query, sizeof query, id, argv[2]);
  if (!length) {
    fprintf(stderr, "%s is no name\n", argv[2]);
    return 2;
  }

  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct timeval limit = {.tv_sec = 2};
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
      connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
    perror("socket");
    return 1;
  }
  for (int attempt = 0; attempt < 2; attempt++) {
    if (send(fd, query, length, 0) < 0) {
      perror("send");
      return 1;
    }
    ssize_t size;
    while ((size = recv(fd, answer, sizeof answer, 0)) >= 0) {
      int is_ours = size >= HEADER && number(answer) == id && answer[2] & 0x80;
      if (is_ours) return show(answer, size);
    }
    if (errno != EAGAIN) {
      perror("recv");
      return 1;
    }
  }
  fprintf(stderr, "%s does not answer\n", argv[1]);
  return 1;
}
