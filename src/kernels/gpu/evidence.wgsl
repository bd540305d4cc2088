  for (var t = local; t < total; t += 64u) {
    evidence[head * CAPACITY + t] += shares[t];
  }
