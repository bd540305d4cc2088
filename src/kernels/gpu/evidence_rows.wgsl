  if (mine + QUERY_HEADS * FOURS >= arrayLength(&mixed)) {
    for (var t = 0u; t < total; t++) {
      evidence[head * CAPACITY + t] += exp(score(keys + t * FOURS) - highest) / sum;
    }
  }
