"""Sets what references reached beside the qualities that the paper prints (Table 3)."""
