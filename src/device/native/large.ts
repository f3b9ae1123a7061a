import { collector } from '../garbage.ts'
import type { LibraryCache } from './cache.ts'
import { openBuilt } from './library.ts'

/** Memory of at least so many bytes is large. */
export const large = 32 * 2 ** 20

/** Large bytes in use above which those that nobody can reach are looked for everywhere. */
const leastSuspicious = 512 * 2 ** 20

/**
 * A Node add-on (Node-API, whose binary interface is stable) for large memory. JavaScript holds a
 * token for each piece; when the engine finds the token unreachable, which for a young one is a
 * matter of its quick collection, the piece goes to a list of free ones, still mapped, for the next
 * who wants its size. In ArrayBuffers instead, the engine would count the bytes, and start a full
 * collection each time that some tens of megabytes came and went.
 */
const source = `#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef int napi_status;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
typedef void (*napi_finalize)(napi_env, void *, void *);
extern napi_status napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern napi_status napi_set_named_property(napi_env, napi_value, const char *, napi_value);
extern napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
extern napi_status napi_get_value_double(napi_env, napi_value, double *);
extern napi_status napi_create_double(napi_env, double, napi_value *);
extern napi_status napi_create_external(napi_env, void *, napi_finalize, void *, napi_value *);
extern napi_status napi_get_value_external(napi_env, napi_value, void **);

#define HUGE_PAGE ((size_t)2 << 20)

typedef struct Block {
  char *memory;
  size_t bytes;
  struct Block *next;
} Block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The latest one comes first. */
static Block *free_blocks;
static size_t free_bytes, used_bytes, most_free;

static void release(Block *block) {
  munmap(block->memory, block->bytes);
  free(block);
}

/* On huge pages: few page faults, few address translations. */
static Block *fresh(size_t bytes) {
  Block *block = malloc(sizeof *block);
  if (!block) return 0;
  char *start = mmap(0, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    free(block);
    return 0;
  }
  size_t before = -(size_t)start & (HUGE_PAGE - 1);
  if (before) munmap(start, before);
  if (before < HUGE_PAGE) munmap(start + before + bytes, HUGE_PAGE - before);
  *block = (Block){ start + before, bytes, 0 };
#ifdef MADV_HUGEPAGE
  madvise(block->memory, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

static Block *take(size_t bytes) {
  pthread_mutex_lock(&lock);
  Block **link = &free_blocks;
  while (*link && (*link)->bytes != bytes) link = &(*link)->next;
  Block *block = *link;
  if (block) {
    *link = block->next;
    free_bytes -= bytes;
  }
  used_bytes += bytes;
  pthread_mutex_unlock(&lock);
  return block ? block : fresh(bytes);
}

static void give(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Block *block = data;
  pthread_mutex_lock(&lock);
  block->next = free_blocks;
  free_blocks = block;
  free_bytes += block->bytes;
  used_bytes -= block->bytes;
  while (free_bytes > most_free) {
    Block **last = &free_blocks;
    while ((*last)->next) last = &(*last)->next;
    Block *oldest = *last;
    *last = 0;
    free_bytes -= oldest->bytes;
    release(oldest);
  }
  pthread_mutex_unlock(&lock);
}

static napi_value argument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value first = 0;
  napi_get_cb_info(env, info, &count, &first, 0, 0);
  return first;
}

static double number(napi_env env, napi_callback_info info) {
  double value = 0;
  napi_get_value_double(env, argument(env, info), &value);
  return value;
}

/* take(bytes): a token, or undefined where there is no memory. */
static napi_value js_take(napi_env env, napi_callback_info info) {
  size_t bytes = ((size_t)number(env, info) + HUGE_PAGE - 1) & -HUGE_PAGE;
  Block *block = take(bytes);
  napi_value token = 0;
  if (!block) {
    pthread_mutex_lock(&lock);
    used_bytes -= bytes;
    pthread_mutex_unlock(&lock);
  } else if (napi_create_external(env, block, give, 0, &token)) give(env, block, 0);
  return token;
}

/* addressOf(token) */
static napi_value js_address(napi_env env, napi_callback_info info) {
  void *block = 0;
  napi_value address = 0;
  if (napi_get_value_external(env, argument(env, info), &block)) return 0;
  napi_create_double(env, (double)(size_t)((Block *)block)->memory, &address);
  return address;
}

/* used(): bytes that have a token. */
static napi_value js_used(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value used = 0;
  napi_create_double(env, (double)used_bytes, &used);
  return used;
}

/* keep(bytes): how many free bytes stay mapped at most. */
static napi_value js_keep(napi_env env, napi_callback_info info) {
  most_free = (size_t)number(env, info);
  return 0;
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct { const char *name; napi_callback call; } functions[] = {
    { "take", js_take }, { "addressOf", js_address }, { "used", js_used }, { "keep", js_keep },
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, (size_t)-1, functions[i].call, 0, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
`

interface AddOn {
  take(bytes: number): object | undefined
  addressOf(token: object): number
  used(): number
  keep(bytes: number): void
}

/** Tokens are told from garbage, and their memory is free again, in a turn of the event loop. */
const pressure = 128 * 2 ** 20

let addOn: AddOn | undefined
let sinceTurn = 0
let suspicious = leastSuspicious
let collectAll: (() => void) | undefined

/** Builds (once a machine) and loads the add-on, which keeps up to so many free bytes. */
export async function loadLargeMemory(cache: LibraryCache, mostFree: number): Promise<void> {
  if (addOn) return
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const flags = ['-std=gnu11', '-O2', '-fPIC', '-pthread', ...undefinedSymbols]
  const module = { exports: {} as AddOn }
  await openBuilt(cache, { units: [source], flags }, (path) => process.dlopen(module, path))
  addOn = module.exports
  addOn.keep(mostFree)
}

/** Whether so much was taken since the event loop last had a turn that it should have one. */
export const needsTurn = (): boolean => sinceTurn >= pressure

export function hadTurn(): void {
  sinceTurn = 0
}

/** Memory on huge pages with undefined contents; it is free again once the token is unreachable. */
export function takeLarge(bytes: number): { token: object; address: bigint } | undefined {
  const { take, addressOf, used } = addOn!
  if (used() + bytes > suspicious) {
    collectAll ??= collector('all')
    collectAll()
    // What is found comes back in the event loop's next turn; nothing more is to be had before.
    suspicious = Number.POSITIVE_INFINITY
    setImmediate(() => {
      suspicious = Math.max(leastSuspicious, 2 * used())
    }).unref()
  }
  sinceTurn += bytes
  const token = take(bytes)
  return token && { token, address: BigInt(addressOf(token)) }
}
