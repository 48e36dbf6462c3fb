# SPDX-License-Identifier: BSD-3-Clause
from ._coral import CORAL
from ._domain_scaler import DomainScaler
from ._feature_augmentation import FeatureAugmentation
from ._geodesic_flow_kernel import GeodesicFlowKernel
from ._max_margin_domain_transform import MaxMarginDomainTransform
from ._subspace_alignment import SubspaceAlignment
from ._transfer_component_analysis import TransferComponentAnalysis

__all__ = [
    "CORAL",
    "DomainScaler",
    "FeatureAugmentation",
    "GeodesicFlowKernel",
    "MaxMarginDomainTransform",
    "SubspaceAlignment",
    "TransferComponentAnalysis",
]
