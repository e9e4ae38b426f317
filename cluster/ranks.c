#include "cluster/ranks.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* MPI counts in int; so many words of a message at a time. */
#define WORDS_AT_ONCE ((size_t)1 << 23)
#define TAG_LENGTH 1
#define TAG_WORDS 2

static int rank, count, worst;

void ranks_begin(int *argc, char ***argv)
{
	int have;
	/* Factors are in it: no core dumps.  MPI reads its neighbours' memory, so it stays dumpable. */
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	(void)MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &have);
	(void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	(void)MPI_Comm_size(MPI_COMM_WORLD, &count);
	if (have < MPI_THREAD_FUNNELED) {
		(void)fputs("medseal-keys-mpi: this MPI takes no threads\n", stderr);
		(void)MPI_Abort(MPI_COMM_WORLD, 3);
	}
}

int ranks_end(enum err_code err)
{
	(void)MPI_Finalize();
	return err == ERR_OK ? 0 : worst != 0 ? worst : err_exit(err);
}

int rank_mine(void)
{
	return rank;
}

int rank_count(void)
{
	return count;
}

bool ranks_agree(enum err_code err, const struct err *e)
{
	/* ERR_INTERRUPTED: of another's failure, which that one told. */
	if (err != ERR_OK && err != ERR_INTERRUPTED && worst == 0) {
		char line[600];
		err_print(e, line, sizeof(line));
		(void)fprintf(stderr, "medseal-keys-mpi: rank %d: %s\n", rank, line);
	}
	int mine = err == ERR_OK ? 0 : err == ERR_INTERRUPTED ? 1 : 1 + err_exit(err), all = 0;
	(void)MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	if (all > 1)
		worst = all - 1;
	return all == 0;
}

void ranks_tell_from(int from, uint64_t *words, size_t n)
{
	for (size_t at = 0; at < n; at += WORDS_AT_ONCE) {
		size_t some = n - at < WORDS_AT_ONCE ? n - at : WORDS_AT_ONCE;
		(void)MPI_Bcast(words + at, (int)some, MPI_UINT64_T, from, MPI_COMM_WORLD);
	}
}

void ranks_tell(uint64_t *words, size_t n)
{
	ranks_tell_from(0, words, n);
}

uint64_t ranks_max(uint64_t mine)
{
	uint64_t all = 0;
	(void)MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
	return all;
}

uint64_t ranks_sum(uint64_t mine)
{
	uint64_t all = 0;
	(void)MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
	return all;
}

void rank_send(int to, const uint64_t *words, size_t n)
{
	uint64_t length = n;
	(void)MPI_Send(&length, 1, MPI_UINT64_T, to, TAG_LENGTH, MPI_COMM_WORLD);
	for (size_t at = 0; at < n; at += WORDS_AT_ONCE) {
		size_t some = n - at < WORDS_AT_ONCE ? n - at : WORDS_AT_ONCE;
		(void)MPI_Send(
			words + at, (int)some, MPI_UINT64_T, to, TAG_WORDS, MPI_COMM_WORLD);
	}
}

uint64_t *rank_receive(int from, size_t *n)
{
	uint64_t length = 0;
	(void)MPI_Recv(&length, 1, MPI_UINT64_T, from, TAG_LENGTH, MPI_COMM_WORLD,
		MPI_STATUS_IGNORE);
	uint64_t *words = malloc((length + 1) * sizeof(*words));
	if (words == NULL)
		(void)MPI_Abort(MPI_COMM_WORLD, 3); /* the sender waits */
	*n = (size_t)length;
	for (size_t at = 0; at < *n; at += WORDS_AT_ONCE) {
		size_t some = *n - at < WORDS_AT_ONCE ? *n - at : WORDS_AT_ONCE;
		(void)MPI_Recv(words + at, (int)some, MPI_UINT64_T, from, TAG_WORDS,
			MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	}
	return words;
}

uint64_t rank_memory(void)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t half = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : 0;
	MPI_Comm here;
	int neighbours = 1;
	(void)MPI_Comm_split_type(
		MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &here);
	(void)MPI_Comm_size(here, &neighbours);
	(void)MPI_Comm_free(&here);
	return half / (uint64_t)neighbours;
}
