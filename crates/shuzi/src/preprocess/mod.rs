//! The one stretch that training and recognition share: from ink to what the network sees.
