//! Connected components of numbered things, by union-find with union by size and path halving (R. E. Tarjan and J. van
//! Leeuwen, "Worst-case analysis of set union algorithms", Journal of the ACM 31, 1984).

/// Which of so many things hang together.
pub(super) struct Components {
    /// Of each its parent; of a root itself.
    parents: Vec<usize>,
    /// Of each root how many hang below it.
    sizes: Vec<usize>,
}

impl Components {
    /// So many things, each by itself.
    pub(super) fn new(things: usize) -> Self {
        Self { parents: (0..things).collect(), sizes: vec![1; things] }
    }

    /// The root of the thing's component: the same for all of one component until the next two are joined.
    pub(super) fn of(&mut self, mut thing: usize) -> usize {
        while self.parents[thing] != thing {
            self.parents[thing] = self.parents[self.parents[thing]];
            thing = self.parents[thing];
        }
        thing
    }

    /// Makes one component of those of two things.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        if a == b {
            return;
        }
        let (large, small) = if self.sizes[a] < self.sizes[b] { (b, a) } else { (a, b) };
        self.parents[small] = large;
        self.sizes[large] += self.sizes[small];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_those_of_the_reachable() {
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..200 {
            let things = random.usize(1..40);
            let any = |random: &mut fastrand::Rng| random.usize(0..things);
            let edges: Vec<(usize, usize)> =
                (0..random.usize(0..50)).map(|_| (any(&mut random), any(&mut random))).collect();
            let mut components = Components::new(things);
            edges.iter().for_each(|(a, b)| components.join(*a, *b));
            // By spreading the smallest number along the edges until nothing changes.
            let mut smallest: Vec<usize> = (0..things).collect();
            for _ in 0..things {
                for (a, b) in &edges {
                    let both = smallest[*a].min(smallest[*b]);
                    (smallest[*a], smallest[*b]) = (both, both);
                }
            }
            for a in 0..things {
                for b in 0..things {
                    assert_eq!(components.of(a) == components.of(b), smallest[a] == smallest[b], "{edges:?}");
                }
            }
        }
    }
}
