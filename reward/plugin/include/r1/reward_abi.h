/* The C ABI of a reward in a shared object. r1.cpp loads it in a process of its
 * own, so that a crash or a hang costs one sample. C++ authors use
 * <r1/reward_plugin.h>, which is made from this.
 *
 * A library exports r1_reward_plugin(). Nothing but plain structs and functions
 * crosses the edge: no exception, no STL, no ownership; texts are valid during
 * the call that passes them. Structs only grow at their ends, and say their
 * size; anything else is another R1_REWARD_ABI_VERSION. */
#ifndef R1_REWARD_ABI_H_
#define R1_REWARD_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define R1_REWARD_ABI_VERSION 1

/* Bytes, not ended by 0; UTF-8. */
typedef struct r1_text {
  const char* data;
  size_t size;
} r1_text;

/* An option of the configuration. */
typedef struct r1_reward_option {
  r1_text name, value;
} r1_reward_option;

/* One completion. */
typedef struct r1_reward_item {
  size_t struct_size; /* sizeof(r1_reward_item) of the caller */
  r1_text prompt;
  r1_text completion;        /* from a model: any value, any length */
  r1_text reference;         /* the dataset's fields, a JSON object */
  r1_text group;             /* equal for the samples of one prompt */
  int32_t completion_tokens; /* 0 if not known */
  int32_t is_truncated;      /* 0 or 1 */
  int32_t max_new_tokens;    /* most tokens of a completion; 0 if not known */
  int64_t step;              /* of the training, from 1; 0 outside training */
  r1_text answer; /* the reference's "answer": a text as it is, another value as
                     JSON; empty if there is none */
} r1_reward_item;

typedef enum r1_reward_kind {
  R1_REWARD_KIND_SCORE = 1,   /* `score` counts */
  R1_REWARD_KIND_ABSTAIN = 2, /* cannot judge, whatever the model wrote */
  R1_REWARD_KIND_ERROR = 3    /* the reward failed */
} r1_reward_kind;

/* Takes results. `put` may be called from any thread, in any order, once for
 * each index below the number of items, before `score` returns. */
typedef struct r1_reward_sink {
  void* self;
  void (*put)(void* self, size_t index, r1_reward_kind kind, double score,
              r1_text detail);
} r1_reward_sink;

enum {
  /* `score` may be called from several threads at once. */
  R1_REWARD_THREAD_SAFE = 1,
  /* Equal prompt, completion, reference and options have equal results. */
  R1_REWARD_DETERMINISTIC = 2,
  /* Compares the samples of a prompt: a call holds whole groups. */
  R1_REWARD_COMPARES_SAMPLES = 4
};

typedef struct r1_reward_plugin_info {
  uint32_t abi_version; /* R1_REWARD_ABI_VERSION */
  uint32_t flags;
  const char* version;    /* the author's, for people */
  double lowest, highest; /* the scores it may give */
  /* A reward with these options; null and a message to `fail` if it does not
   * take them. */
  void* (*create)(const r1_reward_option* options, size_t count,
                  void* fail_self,
                  void (*fail)(void* fail_self, r1_text message));
  void (*score)(void* reward, const r1_reward_item* const* items, size_t count,
                const r1_reward_sink* sink);
  void (*destroy)(void* reward);
} r1_reward_plugin_info;

/* What the library exports; the result lives as long as the library. */
const r1_reward_plugin_info* r1_reward_plugin(void);

#ifdef __cplusplus
}
#endif

#endif /* R1_REWARD_ABI_H_ */
