/**
 * The C runtime that all programs share: a pool of threads that walks a program's table of
 * kernels. Compiled once by the system's compiler, like the programs.
 *
 * A run posts one kernel after the other. Each thread has a share of the chunks, the same part of
 * every kernel, so that it mostly reads what it wrote itself and what its own caches hold; when its
 * share is done it helps the others with theirs. A share is a 64-bit ticket: its upper half numbers
 * the posted kernel, its lower half counts the chunks that are left, so that a thread which comes
 * late can neither take a chunk twice nor one of another kernel. Idle threads spin for a moment (the
 * next kernel is usually near), then sleep until they are woken. Workers are kept off the caller's
 * processor: a system that wakes one there, since all others are busy just then, leaves the two to
 * take turns for milliseconds.
 */
export const runtimeSource = `#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define CACHE_LINE 64
#define SPIN_NANOSECONDS 50000
#define HUGE_PAGE (2 << 20)

typedef struct {
  void (*run)(char *const *slots, int chunk, char *scratch);
  long long chunks;
  long long scratch_bytes;
  /* Of a loop that ends with this kernel: rounds, the kernels before this one in it, and where in the
     arena the kernels count the rounds. */
  long long times, back, counter;
} Kernel;

typedef struct {
  char *memory;
  long long bytes;
} Scratch;

typedef struct {
  _Alignas(CACHE_LINE) _Atomic uint64_t left;
} Ticket;

typedef struct Pool Pool;

typedef struct {
  Pool *pool;
  int index;
  pthread_t thread;
} Worker;

struct Pool {
  _Alignas(CACHE_LINE) _Atomic uint32_t posted;
  _Alignas(CACHE_LINE) _Atomic uint32_t finished;
  _Alignas(CACHE_LINE) _Atomic uint32_t signal;
  _Atomic int sleepers;
  _Atomic int caller_sleeps;
  _Atomic int closing;
  _Alignas(CACHE_LINE) const Kernel *kernel;
  char *const *slots;
  /* Of each thread; the caller's is the first. */
  Ticket *tickets;
  int workers;
  Worker *threads;
#ifdef __linux__
  /* Where we may run at all, and the processor that the workers keep off, or -1. */
  cpu_set_t allowed;
  int avoided;
#endif
  Scratch caller_scratch;
  pthread_mutex_t running;
  pthread_mutex_t lock;
  pthread_cond_t changed;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Sleeps until *word is no longer \`value\` (or for no reason: callers check again). */
static void sleep_while(Pool *pool, _Atomic uint32_t *word, uint32_t value) {
#ifdef __linux__
  (void)pool;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
#else
  pthread_mutex_lock(&pool->lock);
  while (atomic_load(word) == value) pthread_cond_wait(&pool->changed, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
#endif
}

/* Wakes up to \`count\` sleepers of a word that has just changed. */
static void wake(Pool *pool, _Atomic uint32_t *word, int count) {
#ifdef __linux__
  (void)pool;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, 0, 0, 0);
#else
  (void)word;
  (void)count;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
#endif
}

/* Scratch memory of at least this many bytes, aligned; 0 if there is none left. */
static char *scratch_of(Scratch *scratch, long long bytes) {
  if (bytes > scratch->bytes) {
    free(scratch->memory);
    scratch->memory = 0;
    scratch->bytes = 0;
    if (posix_memalign((void **)&scratch->memory, CACHE_LINE, (size_t)bytes)) abort();
    scratch->bytes = bytes;
  }
  return scratch->memory;
}

/* Where a thread's share of so many chunks ends; it begins where the one before ends. */
static int64_t share_end(int64_t chunks, int thread, int threads) {
  return chunks * (thread + 1) / threads;
}

/* Takes a chunk of a thread's share: its number, or -1. */
static int take(Pool *pool, int thread) {
  _Atomic uint64_t *left = &pool->tickets[thread].left;
  uint64_t seen = atomic_load(left);
  while ((uint32_t)seen) {
    if (!atomic_compare_exchange_weak(left, &seen, seen - 1)) continue;
    /* The kernel can't end before this chunk has, so what it says stays true. */
    return (int)(share_end(pool->kernel->chunks, thread, pool->workers + 1) - (uint32_t)seen);
  }
  return -1;
}

/* Runs chunks of the posted kernel until none is left: its own, then others'. */
static void work(Pool *pool, Scratch *scratch, int self) {
  int threads = pool->workers + 1;
  for (int i = 0; i < threads; i++) {
    int thread = (self + i) % threads;
    for (int chunk; (chunk = take(pool, thread)) >= 0;) {
      const Kernel *kernel = pool->kernel;
      uint32_t chunks = (uint32_t)kernel->chunks;
      kernel->run(pool->slots, chunk, scratch_of(scratch, kernel->scratch_bytes));
      if (atomic_fetch_add(&pool->finished, 1) + 1 == chunks && atomic_load(&pool->caller_sleeps)) {
        wake(pool, &pool->finished, 1);
      }
    }
  }
}

/* Whether anything has happened since a thread saw the kernel with this number. */
static int ready(Pool *pool, uint32_t seen) {
  return atomic_load(&pool->posted) != seen || atomic_load(&pool->closing);
}

static void await_work(Pool *pool, uint32_t seen) {
  int64_t end = now() + SPIN_NANOSECONDS;
  while (now() < end) {
    for (int i = 0; i < 32; i++) {
      if (ready(pool, seen)) return;
      pause_briefly();
    }
  }
  atomic_fetch_add(&pool->sleepers, 1);
  uint32_t signal = atomic_load(&pool->signal);
  if (!ready(pool, seen)) sleep_while(pool, &pool->signal, signal);
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker(void *argument) {
  Worker *self = argument;
  Pool *pool = self->pool;
  Scratch scratch = { 0, 0 };
  uint32_t seen = 0;
  while (!atomic_load(&pool->closing)) {
    await_work(pool, seen);
    seen = atomic_load(&pool->posted);
    work(pool, &scratch, self->index);
  }
  free(scratch.memory);
  return 0;
}

static void await_finish(Pool *pool, uint32_t chunks) {
  int64_t end = now() + SPIN_NANOSECONDS;
  while (now() < end) {
    for (int i = 0; i < 32; i++) {
      if (atomic_load(&pool->finished) == chunks) return;
      pause_briefly();
    }
  }
  atomic_store(&pool->caller_sleeps, 1);
  for (;;) {
    uint32_t finished = atomic_load(&pool->finished);
    if (finished == chunks) break;
    sleep_while(pool, &pool->finished, finished);
  }
  atomic_store(&pool->caller_sleeps, 0);
}

static void keep_apart(Pool *pool) {
#ifdef __linux__
  int here = sched_getcpu();
  if (here < 0 || here == pool->avoided || pool->workers >= CPU_COUNT(&pool->allowed)) return;
  cpu_set_t others = pool->allowed;
  CPU_CLR(here, &others);
  for (int i = 0; i < pool->workers; i++) {
    pthread_setaffinity_np(pool->threads[i].thread, sizeof others, &others);
  }
  pool->avoided = here;
#else
  (void)pool;
#endif
}

static void run_kernel(Pool *pool, const Kernel *kernel) {
  if (kernel->chunks == 1 || pool->workers == 0) {
    char *scratch = scratch_of(&pool->caller_scratch, kernel->scratch_bytes);
    for (int chunk = 0; chunk < kernel->chunks; chunk++) kernel->run(pool->slots, chunk, scratch);
    return;
  }
  uint32_t number = atomic_load(&pool->posted) + 1;
  int threads = pool->workers + 1;
  pool->kernel = kernel;
  atomic_store(&pool->finished, 0);
  for (int thread = 0, from = 0; thread < threads; thread++) {
    int end = (int)share_end(kernel->chunks, thread, threads);
    atomic_store(&pool->tickets[thread].left, (uint64_t)number << 32 | (uint32_t)(end - from));
    from = end;
  }
  atomic_store(&pool->posted, number);
  int sleepers = atomic_load(&pool->sleepers);
  if (sleepers > 0) {
    atomic_fetch_add(&pool->signal, 1);
    wake(pool, &pool->signal, kernel->chunks <= sleepers ? (int)kernel->chunks - 1 : sleepers);
  }
  work(pool, &pool->caller_scratch, 0);
  await_finish(pool, (uint32_t)kernel->chunks);
}

/* The kernel that comes after this one: the next, or the first of a loop that is not done. */
static int64_t next_kernel(const Kernel *kernels, int64_t i, char *const *slots) {
  const Kernel *kernel = kernels + i;
  if (kernel->times == 0) return i + 1;
  int round = *(const int *)(const void *)(slots[0] + kernel->counter);
  return round < kernel->times ? i - kernel->back : i + 1;
}

/* Runs all kernels of a table in order. job: pool, kernels, count, then the slots' addresses. */
void brick_run(const int64_t *job) {
  Pool *pool = (Pool *)(intptr_t)job[0];
  const Kernel *kernels = (const Kernel *)(intptr_t)job[1];
  pthread_mutex_lock(&pool->running);
  keep_apart(pool);
  pool->slots = (char *const *)(const void *)(job + 3);
  for (int64_t i = 0; i < job[2]; i = next_kernel(kernels, i, pool->slots)) {
    run_kernel(pool, kernels + i);
  }
  pthread_mutex_unlock(&pool->running);
}

/* The same, adding each kernel's nanoseconds to times. */
void brick_run_timed(const int64_t *job, double *times) {
  Pool *pool = (Pool *)(intptr_t)job[0];
  const Kernel *kernels = (const Kernel *)(intptr_t)job[1];
  pthread_mutex_lock(&pool->running);
  keep_apart(pool);
  pool->slots = (char *const *)(const void *)(job + 3);
  int64_t start = now();
  for (int64_t i = 0; i < job[2]; i = next_kernel(kernels, i, pool->slots)) {
    run_kernel(pool, kernels + i);
    int64_t end = now();
    times[i] += (double)(end - start);
    start = end;
  }
  pthread_mutex_unlock(&pool->running);
}

/* A pool of this many threads, the caller included; 0 if it can't be made. */
Pool *brick_open(int threads) {
  Pool *pool = 0;
  if (posix_memalign((void **)&pool, CACHE_LINE, sizeof *pool)) return 0;
  *pool = (Pool){ 0 };
  pthread_mutex_init(&pool->running, 0);
  pthread_mutex_init(&pool->lock, 0);
  pthread_cond_init(&pool->changed, 0);
#ifdef __linux__
  pool->avoided = -1;
  if (sched_getaffinity(0, sizeof pool->allowed, &pool->allowed)) CPU_ZERO(&pool->allowed);
#endif
  pool->threads = calloc((size_t)threads, sizeof *pool->threads);
  size_t bytes = (size_t)threads * sizeof(Ticket);
  if (!pool->threads || posix_memalign((void **)&pool->tickets, CACHE_LINE, bytes)) return 0;
  memset(pool->tickets, 0, bytes);
  /* Workers ask how many they are once there is work. */
  while (pool->workers < threads - 1) {
    Worker *worker_of = pool->threads + pool->workers;
    *worker_of = (Worker){ .pool = pool, .index = pool->workers + 1 };
    if (pthread_create(&worker_of->thread, 0, worker, worker_of)) break;
    pool->workers++;
  }
  return pool;
}

/* Ends the threads and frees the pool, once no run is in flight. */
void brick_close(Pool *pool) {
  pthread_mutex_lock(&pool->running);
  atomic_store(&pool->closing, 1);
  atomic_fetch_add(&pool->signal, 1);
  wake(pool, &pool->signal, pool->workers);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->threads[i].thread, 0);
  pthread_mutex_unlock(&pool->running);
  free(pool->caller_scratch.memory);
  free(pool->threads);
  free(pool->tickets);
  free(pool);
}

/*
 * Has the C library keep memory below \`large\` bytes, up to \`most\` in all, rather than give it back
 * to the system: what comes fresh from there has to be zeroed, and mapped in page by page, when it
 * is first touched.
 */
void brick_keep_memory(int64_t large, int64_t most) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, (int)large);
  mallopt(M_TRIM_THRESHOLD, (int)most);
#else
  (void)large;
  (void)most;
#endif
}

void brick_copy(int64_t to, int64_t from, int64_t bytes) {
  memcpy((void *)(intptr_t)to, (const void *)(intptr_t)from, (size_t)bytes);
}

/* Asks for huge pages: fewer address translations. */
void brick_advise(int64_t address, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  int64_t start = (address + HUGE_PAGE - 1) & -(int64_t)HUGE_PAGE;
  int64_t end = (address + bytes) & -(int64_t)HUGE_PAGE;
  if (end > start) {
    madvise((void *)(intptr_t)start, (size_t)(end - start), MADV_HUGEPAGE);
  }
#else
  (void)address;
  (void)bytes;
#endif
}
`
