"""What the models are and do, without any data set: size, operations, where time goes, what hardware counted."""
