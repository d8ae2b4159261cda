// The micro-op interpreter: one switch, operands by offset, the TLB probe and block chaining inline.
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Interpreter;

/// <summary>Runs micro-ops. Allocates nothing, throws nothing; what is rare is in <see cref="MemoryOps"/> and the helpers.</summary>
public static unsafe class Interpreter
{
    /// <summary>Runs a block and every block that follows it through links and the jump cache, until something needs the outer loop.</summary>
    /// <param name="s">vCPU state; <see cref="CpuState.Pc"/> is the block's address.</param>
    /// <param name="block">First block, valid for the current mode.</param>
    public static BlockExit Run(CpuState* s, Block* block)
    {
        var r = (byte*)s;
        MicroOp* op;
        Block* next;
        int status;

        // Links and compiled code are taken away by other threads: each is read once.
    Next:
        if (--block->Heat < 0)
        {
            goto Hot;
        }

    Cold:
        var retired = s->Retired + (ulong)block->Count;
        if (retired > s->Limit)
        {
            return BlockExit.Left;
        }

        s->Retired = retired;
        op = block->Ops;
    Execute:
        while (true)
        {
            switch (op->Kind)
            {
                case MicroOpKind.MovI:
                {
                    *(ulong*)(r + op->D) = (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.Mov64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.Mov32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.LeaPc:
                {
                    *(ulong*)(r + op->D) = s->Pc + (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.Add64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) + *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AddI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.Sub64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) - *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AddShl64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.SubShl64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) - (*(ulong*)(r + op->B) << (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Mul64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) * *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.MulAdd64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) + (*(ulong*)(r + op->A) * *(ulong*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.MulSub64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) - (*(ulong*)(r + op->A) * *(ulong*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.UDiv64:
                {
                    var b = *(ulong*)(r + op->B);
                    *(ulong*)(r + op->D) = b == 0 ? 0 : *(ulong*)(r + op->A) / b;
                    op++;
                    continue;
                }

                case MicroOpKind.SDiv64:
                {
                    var a = (long)*(ulong*)(r + op->A);
                    var b = (long)*(ulong*)(r + op->B);
                    *(ulong*)(r + op->D) = b == 0 ? 0 : b == -1 ? (ulong)(-a) : (ulong)(a / b);
                    op++;
                    continue;
                }

                case MicroOpKind.Adc64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) + *(ulong*)(r + op->B) + ((ulong)s->Flags >> 1 & 1);
                    op++;
                    continue;
                }

                case MicroOpKind.Sbc64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) + ~*(ulong*)(r + op->B) + ((ulong)s->Flags >> 1 & 1);
                    op++;
                    continue;
                }

                case MicroOpKind.And64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) & *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AndI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) & (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.AndNot64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) & ~*(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Or64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) | *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.OrI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) | (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.OrNot64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) | ~*(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Xor64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) ^ *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.XorI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) ^ (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.XorNot64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) ^ ~*(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Shl64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) << (int)(*(ulong*)(r + op->B) & 63);
                    op++;
                    continue;
                }

                case MicroOpKind.ShlI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) << (int)op->Aux;
                    op++;
                    continue;
                }

                case MicroOpKind.Shr64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) >> (int)(*(ulong*)(r + op->B) & 63);
                    op++;
                    continue;
                }

                case MicroOpKind.ShrI64:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->A) >> (int)op->Aux;
                    op++;
                    continue;
                }

                case MicroOpKind.Sar64:
                {
                    *(ulong*)(r + op->D) = (ulong)((long)*(ulong*)(r + op->A) >> (int)(*(ulong*)(r + op->B) & 63));
                    op++;
                    continue;
                }

                case MicroOpKind.SarI64:
                {
                    *(ulong*)(r + op->D) = (ulong)((long)*(ulong*)(r + op->A) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Ror64:
                {
                    *(ulong*)(r + op->D) = BitOperations.RotateRight(*(ulong*)(r + op->A), (int)(*(ulong*)(r + op->B) & 63));
                    op++;
                    continue;
                }

                case MicroOpKind.RorI64:
                {
                    *(ulong*)(r + op->D) = BitOperations.RotateRight(*(ulong*)(r + op->A), (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Extract64:
                {
                    *(ulong*)(r + op->D) = (*(ulong*)(r + op->A) << (64 - (int)op->Aux)) | (*(ulong*)(r + op->B) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.BitInsert64:
                {
                    *(ulong*)(r + op->D) = (*(ulong*)(r + op->D) & ~(ulong)op->Imm) | ((*(ulong*)(r + op->A) << op->C) & (ulong)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.BitMove64:
                {
                    *(ulong*)(r + op->D) = (*(ulong*)(r + op->D) & ~(ulong)op->Imm) | ((*(ulong*)(r + op->A) >> op->C) & (ulong)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.SignedField64:
                {
                    *(ulong*)(r + op->D) = (ulong)((long)(*(ulong*)(r + op->A) << op->C) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Clz64:
                {
                    *(ulong*)(r + op->D) = (ulong)BitOperations.LeadingZeroCount(*(ulong*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Cls64:
                {
                    var a = *(ulong*)(r + op->A);
                    *(ulong*)(r + op->D) = (ulong)BitOperations.LeadingZeroCount(a ^ (ulong)((long)a >> 1)) - 1;
                    op++;
                    continue;
                }

                case MicroOpKind.RBit64:
                {
                    *(ulong*)(r + op->D) = BitHelpers.ReverseBits(*(ulong*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Rev16In64:
                {
                    var a = *(ulong*)(r + op->A);
                    *(ulong*)(r + op->D) = ((a & 0x00FF00FF00FF00FFUL) << 8) | ((a >> 8) & 0x00FF00FF00FF00FFUL);
                    op++;
                    continue;
                }

                case MicroOpKind.AddS64:
                {
                    var a = *(ulong*)(r + op->A);
                    var b = *(ulong*)(r + op->B);
                    var x = a + b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 63);
                    op++;
                    continue;
                }

                case MicroOpKind.AddSI64:
                {
                    var a = *(ulong*)(r + op->A);
                    var b = (ulong)op->Imm;
                    var x = a + b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 63);
                    op++;
                    continue;
                }

                case MicroOpKind.SubS64:
                {
                    var a = *(ulong*)(r + op->A);
                    var b = *(ulong*)(r + op->B);
                    var x = a - b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 63);
                    op++;
                    continue;
                }

                case MicroOpKind.SubSI64:
                {
                    var a = *(ulong*)(r + op->A);
                    var b = (ulong)op->Imm;
                    var x = a - b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 63);
                    op++;
                    continue;
                }

                case MicroOpKind.AndS64:
                {
                    var x = *(ulong*)(r + op->A) & *(ulong*)(r + op->B);
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AndSI64:
                {
                    var x = *(ulong*)(r + op->A) & (ulong)op->Imm;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AndNotS64:
                {
                    var x = *(ulong*)(r + op->A) & ~*(ulong*)(r + op->B);
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AdcS64:
                {
                    *(ulong*)(r + op->D) = FlagMath.AddWithCarry64(*(ulong*)(r + op->A), *(ulong*)(r + op->B), (uint)(s->Flags >> 1) & 1, out s->Flags);
                    op++;
                    continue;
                }

                case MicroOpKind.SbcS64:
                {
                    *(ulong*)(r + op->D) = FlagMath.AddWithCarry64(*(ulong*)(r + op->A), ~*(ulong*)(r + op->B), (uint)(s->Flags >> 1) & 1, out s->Flags);
                    op++;
                    continue;
                }

                case MicroOpKind.CCmp64:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Sub64(*(ulong*)(r + op->A), *(ulong*)(r + op->B)) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmpI64:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Sub64(*(ulong*)(r + op->A), (ulong)op->Imm) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmn64:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Add64(*(ulong*)(r + op->A), *(ulong*)(r + op->B)) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmnI64:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Add64(*(ulong*)(r + op->A), (ulong)op->Imm) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.Select64:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(ulong*)(r + op->A) : *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.SelectInc64:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(ulong*)(r + op->A) : *(ulong*)(r + op->B) + 1;
                    op++;
                    continue;
                }

                case MicroOpKind.SelectNot64:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(ulong*)(r + op->A) : ~*(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.SelectNeg64:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(ulong*)(r + op->A) : 0 - *(ulong*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Add32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) + *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AddI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) + (uint)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.Sub32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) - *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AddShl32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) + (*(uint*)(r + op->B) << (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.SubShl32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) - (*(uint*)(r + op->B) << (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Mul32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) * *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.MulAdd32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->C) + (*(uint*)(r + op->A) * *(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.MulSub32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->C) - (*(uint*)(r + op->A) * *(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.UDiv32:
                {
                    var b = *(uint*)(r + op->B);
                    *(ulong*)(r + op->D) = b == 0 ? 0 : *(uint*)(r + op->A) / b;
                    op++;
                    continue;
                }

                case MicroOpKind.SDiv32:
                {
                    var a = (int)*(uint*)(r + op->A);
                    var b = (int)*(uint*)(r + op->B);
                    *(ulong*)(r + op->D) = b == 0 ? 0 : b == -1 ? (uint)(-a) : (uint)(a / b);
                    op++;
                    continue;
                }

                case MicroOpKind.Adc32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) + *(uint*)(r + op->B) + ((uint)s->Flags >> 1 & 1);
                    op++;
                    continue;
                }

                case MicroOpKind.Sbc32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) + ~*(uint*)(r + op->B) + ((uint)s->Flags >> 1 & 1);
                    op++;
                    continue;
                }

                case MicroOpKind.And32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) & *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.AndI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) & (uint)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.AndNot32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) & ~*(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Or32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) | *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.OrI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) | (uint)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.OrNot32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) | ~*(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Xor32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) ^ *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.XorI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) ^ (uint)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.XorNot32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) ^ ~*(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.Shl32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) << (int)(*(uint*)(r + op->B) & 31);
                    op++;
                    continue;
                }

                case MicroOpKind.ShlI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) << (int)op->Aux;
                    op++;
                    continue;
                }

                case MicroOpKind.Shr32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) >> (int)(*(uint*)(r + op->B) & 31);
                    op++;
                    continue;
                }

                case MicroOpKind.ShrI32:
                {
                    *(ulong*)(r + op->D) = *(uint*)(r + op->A) >> (int)op->Aux;
                    op++;
                    continue;
                }

                case MicroOpKind.Sar32:
                {
                    *(ulong*)(r + op->D) = (uint)((int)*(uint*)(r + op->A) >> (int)(*(uint*)(r + op->B) & 31));
                    op++;
                    continue;
                }

                case MicroOpKind.SarI32:
                {
                    *(ulong*)(r + op->D) = (uint)((int)*(uint*)(r + op->A) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Ror32:
                {
                    *(ulong*)(r + op->D) = BitOperations.RotateRight(*(uint*)(r + op->A), (int)(*(uint*)(r + op->B) & 31));
                    op++;
                    continue;
                }

                case MicroOpKind.RorI32:
                {
                    *(ulong*)(r + op->D) = BitOperations.RotateRight(*(uint*)(r + op->A), (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Extract32:
                {
                    *(ulong*)(r + op->D) = (*(uint*)(r + op->A) << (32 - (int)op->Aux)) | (*(uint*)(r + op->B) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.BitInsert32:
                {
                    *(ulong*)(r + op->D) = (*(uint*)(r + op->D) & ~(uint)op->Imm) | ((*(uint*)(r + op->A) << op->C) & (uint)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.BitMove32:
                {
                    *(ulong*)(r + op->D) = (*(uint*)(r + op->D) & ~(uint)op->Imm) | ((*(uint*)(r + op->A) >> op->C) & (uint)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.SignedField32:
                {
                    *(ulong*)(r + op->D) = (uint)((int)(*(uint*)(r + op->A) << op->C) >> (int)op->Aux);
                    op++;
                    continue;
                }

                case MicroOpKind.Clz32:
                {
                    *(ulong*)(r + op->D) = (uint)BitOperations.LeadingZeroCount(*(uint*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Cls32:
                {
                    var a = *(uint*)(r + op->A);
                    *(ulong*)(r + op->D) = (uint)BitOperations.LeadingZeroCount(a ^ (uint)((int)a >> 1)) - 1;
                    op++;
                    continue;
                }

                case MicroOpKind.RBit32:
                {
                    *(ulong*)(r + op->D) = BitHelpers.ReverseBits(*(uint*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Rev16In32:
                {
                    var a = *(uint*)(r + op->A);
                    *(ulong*)(r + op->D) = ((a & 0x00FF00FFU) << 8) | ((a >> 8) & 0x00FF00FFU);
                    op++;
                    continue;
                }

                case MicroOpKind.AddS32:
                {
                    var a = *(uint*)(r + op->A);
                    var b = *(uint*)(r + op->B);
                    var x = a + b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 31);
                    op++;
                    continue;
                }

                case MicroOpKind.AddSI32:
                {
                    var a = *(uint*)(r + op->A);
                    var b = (uint)op->Imm;
                    var x = a + b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 31);
                    op++;
                    continue;
                }

                case MicroOpKind.SubS32:
                {
                    var a = *(uint*)(r + op->A);
                    var b = *(uint*)(r + op->B);
                    var x = a - b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 31);
                    op++;
                    continue;
                }

                case MicroOpKind.SubSI32:
                {
                    var a = *(uint*)(r + op->A);
                    var b = (uint)op->Imm;
                    var x = a - b;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 31);
                    op++;
                    continue;
                }

                case MicroOpKind.AndS32:
                {
                    var x = *(uint*)(r + op->A) & *(uint*)(r + op->B);
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AndSI32:
                {
                    var x = *(uint*)(r + op->A) & (uint)op->Imm;
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AndNotS32:
                {
                    var x = *(uint*)(r + op->A) & ~*(uint*)(r + op->B);
                    *(ulong*)(r + op->D) = x;
                    s->Flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u);
                    op++;
                    continue;
                }

                case MicroOpKind.AdcS32:
                {
                    *(ulong*)(r + op->D) = FlagMath.AddWithCarry32(*(uint*)(r + op->A), *(uint*)(r + op->B), (uint)(s->Flags >> 1) & 1, out s->Flags);
                    op++;
                    continue;
                }

                case MicroOpKind.SbcS32:
                {
                    *(ulong*)(r + op->D) = FlagMath.AddWithCarry32(*(uint*)(r + op->A), ~*(uint*)(r + op->B), (uint)(s->Flags >> 1) & 1, out s->Flags);
                    op++;
                    continue;
                }

                case MicroOpKind.CCmp32:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Sub32(*(uint*)(r + op->A), *(uint*)(r + op->B)) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmpI32:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Sub32(*(uint*)(r + op->A), (uint)op->Imm) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmn32:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Add32(*(uint*)(r + op->A), *(uint*)(r + op->B)) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.CCmnI32:
                {
                    s->Flags = ((op->Aux >> (int)s->Flags) & 1) != 0 ? FlagMath.Add32(*(uint*)(r + op->A), (uint)op->Imm) : op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.Select32:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(uint*)(r + op->A) : *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.SelectInc32:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(uint*)(r + op->A) : *(uint*)(r + op->B) + 1;
                    op++;
                    continue;
                }

                case MicroOpKind.SelectNot32:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(uint*)(r + op->A) : ~*(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.SelectNeg32:
                {
                    *(ulong*)(r + op->D) = ((op->Aux >> (int)s->Flags) & 1) != 0 ? *(uint*)(r + op->A) : 0 - *(uint*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.SMulAddL:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) + (ulong)((long)(int)*(uint*)(r + op->A) * (int)*(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.SMulSubL:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) - (ulong)((long)(int)*(uint*)(r + op->A) * (int)*(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.UMulAddL:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) + ((ulong)*(uint*)(r + op->A) * *(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.UMulSubL:
                {
                    *(ulong*)(r + op->D) = *(ulong*)(r + op->C) - ((ulong)*(uint*)(r + op->A) * *(uint*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.SMulH:
                {
                    *(ulong*)(r + op->D) = (ulong)Math.BigMul((long)*(ulong*)(r + op->A), (long)*(ulong*)(r + op->B), out _);
                    op++;
                    continue;
                }

                case MicroOpKind.UMulH:
                {
                    *(ulong*)(r + op->D) = Math.BigMul(*(ulong*)(r + op->A), *(ulong*)(r + op->B), out _);
                    op++;
                    continue;
                }

                case MicroOpKind.Rev64:
                {
                    *(ulong*)(r + op->D) = BinaryPrimitives.ReverseEndianness(*(ulong*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Rev32:
                {
                    *(ulong*)(r + op->D) = BinaryPrimitives.ReverseEndianness(*(uint*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.Rev32In64:
                {
                    *(ulong*)(r + op->D) = BitOperations.RotateRight(BinaryPrimitives.ReverseEndianness(*(ulong*)(r + op->A)), 32);
                    op++;
                    continue;
                }

                case MicroOpKind.Field:
                {
                    *(ulong*)(r + op->D) = (*(ulong*)(r + op->A) >> op->C) & (ulong)op->Imm;
                    op++;
                    continue;
                }

                case MicroOpKind.FieldInZero:
                {
                    *(ulong*)(r + op->D) = (*(ulong*)(r + op->A) & (ulong)op->Imm) << op->C;
                    op++;
                    continue;
                }

                case MicroOpKind.SExt8:
                {
                    *(ulong*)(r + op->D) = (ulong)*(sbyte*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.SExt16:
                {
                    *(ulong*)(r + op->D) = (ulong)*(short*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.SExt32:
                {
                    *(ulong*)(r + op->D) = (ulong)*(int*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.SExt8To32:
                {
                    *(ulong*)(r + op->D) = (uint)*(sbyte*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.SExt16To32:
                {
                    *(ulong*)(r + op->D) = (uint)*(short*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.GetFlags:
                {
                    *(ulong*)(r + op->D) = s->Flags << 28;
                    op++;
                    continue;
                }

                case MicroOpKind.SetFlags:
                {
                    s->Flags = (*(ulong*)(r + op->A) >> 28) & 15;
                    op++;
                    continue;
                }

                case MicroOpKind.Ld8:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(byte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld8X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(byte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld16:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(ushort*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld16X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(ushort*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(uint*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(uint*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(ulong*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.Ld64X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = *(ulong*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS8:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(sbyte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS8X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(sbyte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS16:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(short*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS16X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(short*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(int*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (ulong)*(int*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS8To32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (uint)*(sbyte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS8To32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (uint)*(sbyte*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS16To32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (uint)*(short*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdS16To32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(ulong*)(r + op->D) = (uint)*(short*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV8:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(byte*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV8X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(byte*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV16:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(ushort*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV16X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(ushort*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(uint*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(uint*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(ulong*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV64X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)*(ulong*)(va + e->Addend));
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV128:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdV128X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(va + e->Addend);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Load(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St8:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(byte*)(va + e->Addend) = *(byte*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St8X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if ((va & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(byte*)(va + e->Addend) = *(byte*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St16:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(ushort*)(va + e->Addend) = *(ushort*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St16X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 1) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(ushort*)(va + e->Addend) = *(ushort*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(uint*)(va + e->Addend) = *(uint*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St32X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 3) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(uint*)(va + e->Addend) = *(uint*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(ulong*)(va + e->Addend) = *(ulong*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St64X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(ulong*)(va + e->Addend) = *(ulong*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St128:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(Vector128<ulong>*)(va + e->Addend) = *(Vector128<ulong>*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.St128X:
                {
                    var va = *(ulong*)(r + op->A) + (*(ulong*)(r + op->B) << op->C) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        *(Vector128<ulong>*)(va + e->Addend) = *(Vector128<ulong>*)(r + op->D);
                        op++;
                        continue;
                    }

                    status = MemoryOps.Store(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdP32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        var p = (uint*)(va + e->Addend);
                        var second = p[1];
                        *(ulong*)(r + op->D) = p[0];
                        *(ulong*)(r + op->B) = second;
                        op++;
                        continue;
                    }

                    status = MemoryOps.LoadPair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdP64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        var p = (ulong*)(va + e->Addend);
                        var second = p[1];
                        *(ulong*)(r + op->D) = p[0];
                        *(ulong*)(r + op->B) = second;
                        op++;
                        continue;
                    }

                    status = MemoryOps.LoadPair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdPV32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        var p = (uint*)(va + e->Addend);
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)p[0]);
                        *(Vector128<ulong>*)(r + op->B) = Vector128.CreateScalar((ulong)p[1]);
                        op++;
                        continue;
                    }

                    status = MemoryOps.LoadPair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdPV64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        var p = (ulong*)(va + e->Addend);
                        *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar(p[0]);
                        *(Vector128<ulong>*)(r + op->B) = Vector128.CreateScalar(p[1]);
                        op++;
                        continue;
                    }

                    status = MemoryOps.LoadPair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdPV128:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 31) & TlbEntry.PageMask) == e->ReadTag)
                    {
                        var p = (Vector128<ulong>*)(va + e->Addend);
                        *(Vector128<ulong>*)(r + op->D) = p[0];
                        *(Vector128<ulong>*)(r + op->B) = p[1];
                        op++;
                        continue;
                    }

                    status = MemoryOps.LoadPair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.StP32:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 7) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        var p = (uint*)(va + e->Addend);
                        p[0] = *(uint*)(r + op->D);
                        p[1] = *(uint*)(r + op->B);
                        op++;
                        continue;
                    }

                    status = MemoryOps.StorePair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.StP64:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 15) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        var p = (ulong*)(va + e->Addend);
                        p[0] = *(ulong*)(r + op->D);
                        p[1] = *(ulong*)(r + op->B);
                        op++;
                        continue;
                    }

                    status = MemoryOps.StorePair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.StP128:
                {
                    var va = *(ulong*)(r + op->A) + (ulong)op->Imm;
                    var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
                    if (((va + 31) & TlbEntry.PageMask) == e->WriteTag)
                    {
                        var p = (Vector128<ulong>*)(va + e->Addend);
                        p[0] = *(Vector128<ulong>*)(r + op->D);
                        p[1] = *(Vector128<ulong>*)(r + op->B);
                        op++;
                        continue;
                    }

                    status = MemoryOps.StorePair(s, op, va);
                    goto Slow;
                }

                case MicroOpKind.LdUnprivileged:
                {
                    status = MemoryOps.LoadUnprivileged(s, op);
                    goto Slow;
                }

                case MicroOpKind.StUnprivileged:
                {
                    status = MemoryOps.StoreUnprivileged(s, op);
                    goto Slow;
                }

                case MicroOpKind.CheckAlignment:
                {
                    if (((*(ulong*)(r + op->A) + (ulong)op->Imm) & op->Aux) == 0)
                    {
                        op++;
                        continue;
                    }

                    status = MemoryOps.AlignmentFault(s, op);
                    goto Slow;
                }

                case MicroOpKind.CheckSp:
                {
                    if ((*(ulong*)(r + op->A) & 15) == 0)
                    {
                        op++;
                        continue;
                    }

                    status = MemoryOps.StackAlignmentFault(s, op);
                    goto Slow;
                }

                case MicroOpKind.Fence:
                {
                    if (s->Parallel != 0)
                    {
                        Interlocked.MemoryBarrier();
                    }

                    op++;
                    continue;
                }

                case MicroOpKind.VMov:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A);
                    op++;
                    continue;
                }

                case MicroOpKind.VMov64:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar(*(ulong*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.VMovI:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.Create((ulong)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.VMovI64:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.CreateScalar((ulong)op->Imm);
                    op++;
                    continue;
                }

                case MicroOpKind.VAnd:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) & *(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VOr:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) | *(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VXor:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) ^ *(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VAndNot:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.AndNot(*(Vector128<ulong>*)(r + op->A), *(Vector128<ulong>*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.VOrNot:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) | ~*(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VAdd8:
                {
                    *(Vector128<byte>*)(r + op->D) = *(Vector128<byte>*)(r + op->A) + *(Vector128<byte>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VSub8:
                {
                    *(Vector128<byte>*)(r + op->D) = *(Vector128<byte>*)(r + op->A) - *(Vector128<byte>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VDup8:
                {
                    *(Vector128<byte>*)(r + op->D) = Vector128.Create(*(byte*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.VCmpEq8:
                {
                    *(Vector128<byte>*)(r + op->D) = Vector128.Equals(*(Vector128<byte>*)(r + op->A), *(Vector128<byte>*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.VAdd16:
                {
                    *(Vector128<ushort>*)(r + op->D) = *(Vector128<ushort>*)(r + op->A) + *(Vector128<ushort>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VSub16:
                {
                    *(Vector128<ushort>*)(r + op->D) = *(Vector128<ushort>*)(r + op->A) - *(Vector128<ushort>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VDup16:
                {
                    *(Vector128<ushort>*)(r + op->D) = Vector128.Create(*(ushort*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.VCmpEq16:
                {
                    *(Vector128<ushort>*)(r + op->D) = Vector128.Equals(*(Vector128<ushort>*)(r + op->A), *(Vector128<ushort>*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.VAdd32:
                {
                    *(Vector128<uint>*)(r + op->D) = *(Vector128<uint>*)(r + op->A) + *(Vector128<uint>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VSub32:
                {
                    *(Vector128<uint>*)(r + op->D) = *(Vector128<uint>*)(r + op->A) - *(Vector128<uint>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VDup32:
                {
                    *(Vector128<uint>*)(r + op->D) = Vector128.Create(*(uint*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.VCmpEq32:
                {
                    *(Vector128<uint>*)(r + op->D) = Vector128.Equals(*(Vector128<uint>*)(r + op->A), *(Vector128<uint>*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.VAdd64:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) + *(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VSub64:
                {
                    *(Vector128<ulong>*)(r + op->D) = *(Vector128<ulong>*)(r + op->A) - *(Vector128<ulong>*)(r + op->B);
                    op++;
                    continue;
                }

                case MicroOpKind.VDup64:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.Create(*(ulong*)(r + op->A));
                    op++;
                    continue;
                }

                case MicroOpKind.VCmpEq64:
                {
                    *(Vector128<ulong>*)(r + op->D) = Vector128.Equals(*(Vector128<ulong>*)(r + op->A), *(Vector128<ulong>*)(r + op->B));
                    op++;
                    continue;
                }

                case MicroOpKind.FAdd64:
                case MicroOpKind.FSub64:
                case MicroOpKind.FMul64:
                case MicroOpKind.FDiv64:
                case MicroOpKind.FMulAdd64:
                case MicroOpKind.FMulSub64:
                case MicroOpKind.FAdd32:
                case MicroOpKind.FSub32:
                case MicroOpKind.FMul32:
                case MicroOpKind.FDiv32:
                case MicroOpKind.FMulAdd32:
                case MicroOpKind.FMulSub32:
                case MicroOpKind.FVector:
                case MicroOpKind.CallVector:
                case MicroOpKind.Call:
                {
                    ((delegate*<CpuState*, MicroOp*, void>)op->Imm)(s, op);
                    op++;
                    continue;
                }

                case MicroOpKind.CallFlags:
                {
                    ((delegate*<CpuState*, MicroOp*, void>)op->Imm)(s, op);
                    op++;
                    continue;
                }

                case MicroOpKind.CallPure:
                case MicroOpKind.CallChecked:
                {
                    status = ((delegate*<CpuState*, MicroOp*, int>)op->Imm)(s, op);
                    goto Slow;
                }

                case MicroOpKind.CallEnd:
                {
                    s->Pc += op->C;
                    status = ((delegate*<CpuState*, MicroOp*, int>)op->Imm)(s, op);
                    if (status == Status.Fault)
                    {
                        s->Pc = s->Pc - op->C + block->OffsetOf(op->Left);
                        s->Retired -= op->Left;
                        return BlockExit.Fault;
                    }

                    return BlockExit.Left;
                }

                case MicroOpKind.Jump:
                {
                    goto Exit0Imm;
                }

                case MicroOpKind.JumpReg:
                {
                    s->Pc = *(ulong*)(r + op->A);
                    s->BranchStamp = (s->Retired << 2) | op->Aux;
                    if (op->Imm == BranchHint.Return)
                    {
                        goto FromPredictor;
                    }

                    goto FromJumpCache;
                }

                case MicroOpKind.BranchIf:
                {
                    if (((op->Aux >> (int)s->Flags) & 1) != 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchZero64:
                {
                    if (*(ulong*)(r + op->A) == 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchNotZero64:
                {
                    if (*(ulong*)(r + op->A) != 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchZero32:
                {
                    if (*(uint*)(r + op->A) == 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchNotZero32:
                {
                    if (*(uint*)(r + op->A) != 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchBitSet:
                {
                    if (((*(ulong*)(r + op->A) >> (int)op->Aux) & 1) != 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.BranchBitClear:
                {
                    if (((*(ulong*)(r + op->A) >> (int)op->Aux) & 1) == 0)
                    {
                        goto Exit1;
                    }

                    goto Exit0Next;
                }

                case MicroOpKind.EndScratch:
                {
                    s->Pc += (ulong)op->Imm;
                    s->Retired -= op->Left;
                    return BlockExit.Left;
                }

                default:
                    // Out of line: building the message here would cost every call of this method its prologue.
                    ThrowUnknown(op->Kind);
                    return BlockExit.Left;
            }

        }

    Slow:
        if (status == Status.Continue)
        {
            op++;
            goto Execute;
        }

        if (status == Status.Fault)
        {
            s->Pc += block->OffsetOf(op->Left);
            s->Retired -= op->Left;
            return BlockExit.Fault;
        }

        // Finish the instruction out of line, then leave the block.
        op = MemoryOps.RestOfInstruction(s, op, block);
        goto Execute;

    Exit0Imm:
        s->Pc += (ulong)op->Imm;
        next = (Block*)Volatile.Read(ref *(nint*)&block->Next0);
        if (next != null)
        {
            block = next;
            goto Next;
        }

        if ((op->C & 1) != 0)
        {
            s->LinkFrom = block;
            s->LinkSlot = 0;
            return BlockExit.LinkWanted;
        }

        goto FromJumpCache;

    Exit0Next:
        s->Pc += (ulong)block->Length;
        next = (Block*)Volatile.Read(ref *(nint*)&block->Next0);
        if (next != null)
        {
            block = next;
            goto Next;
        }

        if ((op->C & 1) != 0)
        {
            s->LinkFrom = block;
            s->LinkSlot = 0;
            return BlockExit.LinkWanted;
        }

        goto FromJumpCache;

    Exit1:
        s->Pc += (ulong)op->Imm;
        next = (Block*)Volatile.Read(ref *(nint*)&block->Next1);
        if (next != null)
        {
            block = next;
            goto Next;
        }

        if ((op->C & 2) != 0)
        {
            s->LinkFrom = block;
            s->LinkSlot = 1;
            return BlockExit.LinkWanted;
        }

        goto FromJumpCache;

    FromPredictor:
        // Only compiled code pushes, but what it called may return here.
        var entry = (JumpCacheEntry*)(r + CpuState.ReturnsOffset + s->ReturnTop);
        if (entry->Tag == (s->Pc ^ s->PcTag))
        {
            s->ReturnTop = (s->ReturnTop - (ulong)sizeof(JumpCacheEntry)) & CpuState.ReturnTopMask;
            if (entry->Target->Key == s->ModeKey)
            {
                block = entry->Target;
                goto Next;
            }
        }

    FromJumpCache:
        var type = s->ArrivalType;
        entry = s->JumpCache + JumpCacheEntry.Index(s->Pc, type);
        if (entry->Tag == JumpCacheEntry.TagOf(s->Pc, s->PcTag, type) && entry->Target->Key == s->ModeKey)
        {
            block = entry->Target;
            goto Next;
        }

        return BlockExit.Left;

    Hot:
        // Rare for a block without compiled code; for one with it, this is the way in.
        var code = (delegate*<CpuState*, CompiledExit>)Volatile.Read(ref *(nint*)&block->Code);
        if (code == null)
        {
            HotBlocks.Report(s, block);
            goto Cold;
        }

        block->Heat = 0;
        s->CompiledEntries++;
        s->CompiledRetired -= s->Retired;
        var left = code(s);
        s->CompiledRetired += s->Retired;
        if (s->LazyKind != (int)FlagKind.Memory)
        {
            LazyFlags.Current(s);
        }

        switch (left)
        {
            case CompiledExit.Left:
                s->ChainMisses++;
                goto FromJumpCache;
            case CompiledExit.Limit:
                // The region may pass the limit; this block of it perhaps does not.
                if (s->LeavesAtLimit != 0)
                {
                    return BlockExit.Left;
                }

                block = s->SideBlock;
                goto Cold;
            case CompiledExit.OuterLoop:
                return BlockExit.Left;
            case CompiledExit.Promote:
                block = s->SideBlock;
                HotBlocks.Promote(s, block);
                goto Cold;
            case CompiledExit.LinkWanted:
                s->ChainMisses++;
                return BlockExit.LinkWanted;
            case CompiledExit.Resume:
                block = s->SideBlock;
                op = s->SideOp;
                goto Execute;
            default:
                block = s->SideBlock;
                op = s->SideOp;
                status = s->SideStatus;
                goto Slow;
        }
    }

    private static void ThrowUnknown(MicroOpKind kind) => throw new InvalidOperationException($"micro-op {kind} has no interpreter case");
}
