"""Graphs of operators, ONNX and TFLite: the float steps that they stand for.

`onnx_graph` walks an ONNX file's nodes, `tflite_graph` those of a TFLite file; both speak of a row
as a `Flow`. An operator is one small function under the file format's decorator.
"""
