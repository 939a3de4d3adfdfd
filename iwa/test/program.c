// What the tests of iwa-run run: each behaviour by its name as the first argument.
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int echo_to_itself(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof self;
  char answer[16] = "";
  if (bind(fd, (struct sockaddr *)&self, length) || getsockname(fd, (struct sockaddr *)&self, &length)) return 1;
  if (sendto(fd, "datagram", 8, 0, (struct sockaddr *)&self, length) != 8) return 1;
  if (recv(fd, answer, sizeof answer, 0) != 8) return 1;
  puts(answer);
  return 0;
}

static void write_file(const char *name, const char *text) {
  FILE *file = fopen(name, "w");
  if (!file || fputs(text, file) < 0 || fclose(file)) perror(name);
}

/** In the current directory: reads one file, changes, makes, renames and removes others. */
static void change_files(void) {
  char line[64] = "";
  FILE *file = fopen("nested/in.txt", "r");
  if (!file || !fgets(line, sizeof line, file)) perror("nested/in.txt");
  printf("read %s", line);
  write_file("changed.txt", "new text\n");
  if (mkdir("made", 0755) || mkdir("made/deep", 0755)) perror("made");
  write_file("made/deep/out.txt", "made\n");
  if (rename("old-name", "new-name")) perror("old-name");
  if (unlink("removed.txt") || rmdir("removed")) perror("removed");
  symlink("/etc", "to-etc");
  file = fopen("made/big.bin", "wb");
  for (unsigned i = 0; file && i < 3000001; i++) fputc(i * 7 + i / 256, file);
  if (!file || fclose(file)) perror("made/big.bin");
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "print")) {
    fprintf(stderr, "%d arguments\n", argc - 1);
    for (int i = 2; i < argc; i++) puts(argv[i]);
    return 3;
  }
  if (!strcmp(what, "unfinished")) { printf("unfinished"); return 3; }
  if (!strcmp(what, "bytes")) { for (int i = 0; i < 256; i++) putchar(i); return 0; }
  if (!strcmp(what, "exit")) exit(7);
  if (!strcmp(what, "abort")) abort();
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "segv")) { volatile char *p = (char *)0xfffffff0; return *p; }
  if (!strcmp(what, "hang")) { puts("hanging"); for (;;); }
  if (!strcmp(what, "sleep")) { sleep(1); return 0; }
  if (!strcmp(what, "flood")) for (;;) puts("a line that no one reads");
  if (!strcmp(what, "environment")) { printf("%s\n", getenv("NAME") ? getenv("NAME") : "none"); return 0; }
  if (!strcmp(what, "ask")) {
    char line[64] = "nothing\n";
    printf("name? ");
    fflush(stdout);
    fgets(line, sizeof line, stdin);
    printf("hello %s", line);
    return 0;
  }
  if (!strcmp(what, "cat")) {
    char buffer[4096];
    ssize_t n;
    while ((n = read(0, buffer, sizeof buffer)) > 0) write(1, buffer, n);
    return n < 0;
  }
  if (!strcmp(what, "udp")) return echo_to_itself();
  if (!strcmp(what, "files")) {
    change_files();
    const char *then = argc > 2 ? argv[2] : "";
    puts("done");
    if (!strcmp(then, "abort")) abort();
    if (!strcmp(then, "wait")) poll(NULL, 0, 1000000);
    return 0;
  }
  return 0;
}
