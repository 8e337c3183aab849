// Every two-operand adder and subtractor becomes an $alu cell, that is, a carry chain, before
// alumacc can gather adder trees into $macc cells, which map to rows of LUTs.
// A - B = A + ~B + 1: a subtractor inverts its second operand (BI) and carries in one (CI).

(* techmap_celltype = "$add $sub" *)
module _alembert_adder (A, B, Y);
  parameter _TECHMAP_CELLTYPE_ = "$add";
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;

  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;

  wire [Y_WIDTH-1:0] propagate, carry;
  localparam [0:0] SUBTRACT = _TECHMAP_CELLTYPE_ == "$sub";

  \$alu #(
    .A_WIDTH(A_WIDTH),
    .B_WIDTH(B_WIDTH),
    .Y_WIDTH(Y_WIDTH),
    .A_SIGNED(A_SIGNED),
    .B_SIGNED(B_SIGNED)
  ) _TECHMAP_REPLACE_ (
    .A(A),
    .B(B),
    .Y(Y),
    .BI(SUBTRACT),
    .CI(SUBTRACT),
    .X(propagate),
    .CO(carry)
  );
endmodule
