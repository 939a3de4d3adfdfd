// Who the program is, and that it may use libc.c.
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  printf("%d %d %d %d\n", getuid() == 0, geteuid() == 0, getgid() == 0, getegid() == 0);
  printf("%d %d\n", initgroups("nobody", 1), errno == EPERM);
  return 0;
}
