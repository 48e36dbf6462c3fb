"""Blobs of photos, stored on disk and in memory, so that no photo goes through a network twice."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._feature_cache.cache import CachedRows, CacheInfo, FeatureCache, check_memory

__all__ = ["CacheInfo", "CachedRows", "FeatureCache", "check_memory"]
