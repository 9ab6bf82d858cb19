"""The compiled forest: LightGBM's raw scores of whole rows of pairs, from bit masks instead of feature vectors."""
