/*
 * A disk whose sync fails: preloaded into the relay, it stands between SQLite and the system's calls.
 *
 * While the file named by TIDEMARK_FAIL_SYNC exists, fsync and fdatasync fail with EIO, and everything that was written since
 * the last good sync is taken back, as a kernel may do that marks the pages of a failed write as clean and forgets them. What
 * was refused so is in no file: nobody can read it back and take it for stored.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct written {
  int fd;
  off_t offset;
  size_t length;
  off_t size; /* of the file before */
  ssize_t kept;
  char *before;
  struct written *next;
};

static struct written *writes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef int (*sync_call)(int);

static void *next_call(const char *name) { return dlsym(RTLD_NEXT, name); }

static int is_failing(void) {
  const char *flag = getenv("TIDEMARK_FAIL_SYNC");
  return flag != NULL && access(flag, F_OK) == 0;
}

static void forget(int fd, int is_undone) {
  pwrite_call put = (pwrite_call)next_call("pwrite64");
  struct written **at = &writes;
  while (*at != NULL) {
    struct written *one = *at;
    if (one->fd != fd) {
      at = &one->next;
      continue;
    }
    if (is_undone) {
      if (one->kept > 0) (void)!put(fd, one->before, (size_t)one->kept, one->offset);
      (void)!ftruncate(fd, one->size);
    }
    *at = one->next;
    free(one->before);
    free(one);
  }
}

static void remember(int fd, size_t length, off_t offset) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  struct written *one = calloc(1, sizeof *one);
  one->fd = fd;
  one->offset = offset;
  one->length = length;
  one->size = info.st_size;
  one->before = malloc(length);
  one->kept = pread(fd, one->before, length, offset);
  one->next = writes;
  writes = one;
}

static ssize_t write_at(const char *name, int fd, const void *bytes, size_t length, off_t offset) {
  pwrite_call call = (pwrite_call)next_call(name);
  pthread_mutex_lock(&lock);
  remember(fd, length, offset);
  ssize_t done = call(fd, bytes, length, offset);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at("pwrite", fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return write_at("pwrite64", fd, bytes, length, offset); }

static int sync_with(const char *name, int fd) {
  pthread_mutex_lock(&lock);
  int failing = is_failing();
  int done = failing ? -1 : ((sync_call)next_call(name))(fd);
  forget(fd, failing);
  pthread_mutex_unlock(&lock);
  if (failing) errno = EIO;
  return done;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }
