// How emitted code reaches state: register locals, slots in memory, spills, exits.
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly int RetiredOffset = Offset(nameof(CpuState.Retired));
    private static readonly int LimitOffset = Offset(nameof(CpuState.Limit));
    private static readonly int TlbOffset = Offset(nameof(CpuState.Tlb));
    private static readonly int TlbUnprivilegedOffset = Offset(nameof(CpuState.TlbUnprivileged));
    private static readonly int JumpCacheOffset = Offset(nameof(CpuState.JumpCache));
    private static readonly int PcTagOffset = Offset(nameof(CpuState.PcTag));
    private static readonly int LinkFromOffset = Offset(nameof(CpuState.LinkFrom));
    private static readonly int LinkSlotOffset = Offset(nameof(CpuState.LinkSlot));
    private static readonly int SideBlockOffset = Offset(nameof(CpuState.SideBlock));
    private static readonly int SideOpOffset = Offset(nameof(CpuState.SideOp));
    private static readonly int SideStatusOffset = Offset(nameof(CpuState.SideStatus));
    private static readonly int ChainHitsOffset = Offset(nameof(CpuState.ChainHits));
    private static readonly int ReturnHitsOffset = Offset(nameof(CpuState.ReturnHits));
    private static readonly int ReturnTopOffset = Offset(nameof(CpuState.ReturnTop));
    private static readonly int LazyKindOffset = Offset(nameof(CpuState.LazyKind));
    private static readonly int LazyAOffset = Offset(nameof(CpuState.LazyA));
    private static readonly int LazyBOffset = Offset(nameof(CpuState.LazyB));
    private static readonly int ParallelOffset = Offset(nameof(CpuState.Parallel));
    private static readonly int JumpCacheTargetOffset = (int)Marshal.OffsetOf<JumpCacheEntry>(nameof(JumpCacheEntry.Target));
    private static readonly int Next0Offset = (int)Marshal.OffsetOf<Block>(nameof(Block.Next0));
    private static readonly int EntriesLeftOffset = (int)Marshal.OffsetOf<Block>(nameof(Block.EntriesLeft));
    private static readonly int CodeOffset = (int)Marshal.OffsetOf<Block>(nameof(Block.Code));

    private const int FirstTemporary = CpuState.Temporaries / 8;

    private const ulong TemporaryMask = ((1UL << CpuState.TemporaryCount) - 1) << FirstTemporary;

    private static int Offset(string field) => (int)Marshal.OffsetOf<CpuState>(field);

    /// <summary>A slot that is kept in a local: a general register or a temporary.</summary>
    private static bool IsRegister(ushort slot) =>
        slot < 32 * 8 || (slot >= CpuState.Temporaries && slot < CpuState.Temporaries + (CpuState.TemporaryCount * 8));

    private static bool IsTemporary(int index) => index >= FirstTemporary;

    private void Constant(nint value)
    {
        il.Emit(OpCodes.Ldc_I8, (long)value);
        il.Emit(OpCodes.Conv_I);
    }

    private void Address(int slot)
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4, slot);
        il.Emit(OpCodes.Add);
    }

    /// <summary>Pushes 64 bits of state.</summary>
    private void LoadState(int slot)
    {
        Address(slot);
        il.Emit(OpCodes.Ldind_I8);
    }

    private void StoreConstant(int slot, nint value)
    {
        Address(slot);
        il.Emit(OpCodes.Ldc_I8, (long)value);
        il.Emit(OpCodes.Stind_I8);
    }

    /// <summary>Pushes a 64-bit source slot.</summary>
    private void Load64(ushort slot)
    {
        if (IsRegister(slot))
        {
            il.Emit(OpCodes.Ldloc, registers[slot >> 3]!);
        }
        else if (slot == CpuState.Zero)
        {
            il.Emit(OpCodes.Ldc_I8, 0L);
        }
        else
        {
            LoadState(slot);
        }
    }

    /// <summary>Pushes the low half of a source slot as 32 bits.</summary>
    private void Load32(ushort slot)
    {
        if (slot == CpuState.Zero)
        {
            il.Emit(OpCodes.Ldc_I4_0);
        }
        else if (IsRegister(slot))
        {
            il.Emit(OpCodes.Ldloc, registers[slot >> 3]!);
            il.Emit(OpCodes.Conv_U4);
        }
        else
        {
            Address(slot);
            il.Emit(OpCodes.Ldind_I4);
        }
    }

    /// <summary>Before pushing the value for a destination: pushes the address if the slot is in memory.</summary>
    private void BeginStore(ushort slot)
    {
        if (!IsRegister(slot) && slot != CpuState.Sink)
        {
            ForgetVector(slot);
            Address(slot);
        }
    }

    /// <summary>Pops a 64-bit value into a destination begun with <see cref="BeginStore"/>.</summary>
    private void EndStore64(ushort slot)
    {
        if (slot == CpuState.Sink)
        {
            il.Emit(OpCodes.Pop);
        }
        else if (IsRegister(slot))
        {
            il.Emit(OpCodes.Stloc, registers[slot >> 3]!);
            dirty |= 1UL << (slot >> 3);
        }
        else
        {
            il.Emit(OpCodes.Stind_I8);
        }
    }

    /// <summary>Pops a 32-bit value, zero-extends and stores it.</summary>
    private void EndStore32(ushort slot)
    {
        il.Emit(OpCodes.Conv_U8);
        EndStore64(slot);
    }

    private void SpillRegisters(ulong mask)
    {
        for (var i = 0; i < SlotCount; i++)
        {
            if ((mask & used & (1UL << i)) != 0)
            {
                Address(i * 8);
                il.Emit(OpCodes.Ldloc, registers[i]!);
                il.Emit(OpCodes.Stind_I8);
            }
        }
    }

    private void ReloadRegisters(ulong mask)
    {
        for (var i = 0; i < SlotCount; i++)
        {
            if ((mask & used & (1UL << i)) != 0)
            {
                LoadState(i * 8);
                il.Emit(OpCodes.Stloc, registers[i]!);
            }
        }
    }

    private void StoreRetired()
    {
        Address(RetiredOffset);
        il.Emit(OpCodes.Ldloc, retired);
        il.Emit(OpCodes.Stind_I8);
    }

    /// <summary>s->Pc = entry PC + offset.</summary>
    private void StorePc(long offset)
    {
        Address(CpuState.PcOffset);
        PushPc(offset);
        il.Emit(OpCodes.Stind_I8);
    }

    /// <summary>Pushes the entry's PC + offset.</summary>
    private void PushPc(long offset)
    {
        il.Emit(OpCodes.Ldloc, pc);
        if (offset != 0)
        {
            il.Emit(OpCodes.Ldc_I8, offset);
            il.Emit(OpCodes.Add);
        }
    }

    private void StoreSide(nint block, nint op)
    {
        StoreConstant(SideBlockOffset, block);
        StoreConstant(SideOpOffset, op);
    }

    private void Return(CompiledExit exit)
    {
        il.Emit(OpCodes.Ldc_I4, (int)exit);
        il.Emit(OpCodes.Ret);
    }
}
