// The GIC's CPU interfaces: the ICC_*_EL1 system registers, acknowledge, end of interrupt, deactivation and SGIs.
using System.Numerics;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    /// <inheritdoc/>
    public ReadOnlySpan<ushort> Registers => Icc.All;

    /// <inheritdoc/>
    public bool Permits(ushort encoding, bool write) => encoding switch
    {
        Icc.IAR0_EL1 or Icc.IAR1_EL1 or Icc.HPPIR0_EL1 or Icc.HPPIR1_EL1 or Icc.RPR_EL1 => !write,
        Icc.EOIR0_EL1 or Icc.EOIR1_EL1 or Icc.DIR_EL1 or Icc.SGI0R_EL1 or Icc.SGI1R_EL1 or Icc.ASGI1R_EL1 => write,
        _ => true,
    };

    /// <summary>Reads an ICC register; reading ICC_IARn_EL1 acknowledges. Write-only registers read as zero.</summary>
    public ulong ReadSystemRegister(int vcpu, ushort encoding, int exceptionLevel, bool secure)
    {
        var c = vcpus[vcpu];
        lock (gate)
        {
            return encoding switch
            {
                Icc.IAR1_EL1 => Acknowledge(c, 1),
                Icc.IAR0_EL1 => Acknowledge(c, 0),
                Icc.PMR_EL1 => c.Pmr,
                Icc.RPR_EL1 => c.RunningPriority,
                Icc.HPPIR0_EL1 => HighestPending(c, 0),
                Icc.HPPIR1_EL1 => HighestPending(c, 1),
                Icc.BPR0_EL1 => c.Bpr0,
                Icc.BPR1_EL1 => (c.Control & Icc.CTLR_CBPR) != 0 ? Math.Min(c.Bpr0 + 1, 7) : c.Bpr1,
                Icc.AP0R0_EL1 => c.ActivePriorities0,
                Icc.AP1R0_EL1 => c.ActivePriorities1,
                Icc.CTLR_EL1 => c.Control | Icc.CTLR_Fixed,
                Icc.SRE_EL1 => Icc.SRE_Value,
                Icc.IGRPEN0_EL1 => c.GroupEnables & 1,
                Icc.IGRPEN1_EL1 => c.GroupEnables >> 1,
                _ => 0,
            };
        }
    }

    /// <summary>Writes an ICC register; writes to read-only registers are ignored.</summary>
    public void WriteSystemRegister(int vcpu, ushort encoding, int exceptionLevel, bool secure, ulong value)
    {
        var c = vcpus[vcpu];
        if (encoding == Icc.PMR_EL1)
        {
            WritePriorityMask(c, (uint)value & Icc.PriorityMask);
            return;
        }

        lock (gate)
        {
            switch (encoding)
            {
                case Icc.EOIR1_EL1:
                    EndOfInterrupt(c, 1, (uint)value & Icc.IntidMask);
                    break;
                case Icc.EOIR0_EL1:
                    EndOfInterrupt(c, 0, (uint)value & Icc.IntidMask);
                    break;
                case Icc.DIR_EL1:
                    // Without EOImode, EOIR has deactivated already: a write here is ignored (IHI 0069, ICC_DIR_EL1).
                    if ((c.Control & Icc.CTLR_EOImode) != 0 && FindBank(c, (uint)value & Icc.IntidMask) is { } bank)
                    {
                        Deactivate(bank, 1u << (int)(value & 31));
                    }

                    break;
                case Icc.SGI1R_EL1:
                    SendSgi(c, value, groupZeroOnly: false);
                    break;
                case Icc.SGI0R_EL1 or Icc.ASGI1R_EL1:
                    SendSgi(c, value, groupZeroOnly: true);
                    break;
                case Icc.BPR0_EL1:
                    c.Bpr0 = Math.Max((uint)value & 7, Icc.MinimumBpr0);
                    DerivedChanged(c);
                    break;
                case Icc.BPR1_EL1:
                    // Under CBPR the register shows BPR0 and takes no writes.
                    if ((c.Control & Icc.CTLR_CBPR) == 0)
                    {
                        c.Bpr1 = Math.Max((uint)value & 7, Icc.MinimumBpr1);
                        DerivedChanged(c);
                    }

                    break;
                case Icc.CTLR_EL1:
                    c.Control = (uint)value & (Icc.CTLR_CBPR | Icc.CTLR_EOImode);
                    DerivedChanged(c);
                    break;
                case Icc.AP0R0_EL1:
                    c.ActivePriorities0 = (uint)value;
                    DerivedChanged(c);
                    break;
                case Icc.AP1R0_EL1:
                    c.ActivePriorities1 = (uint)value;
                    DerivedChanged(c);
                    break;
                case Icc.IGRPEN0_EL1:
                    WriteGroupEnable(c, 0, (uint)value & 1);
                    break;
                case Icc.IGRPEN1_EL1:
                    WriteGroupEnable(c, 1, (uint)value & 1);
                    break;
            }
        }
    }

    /// <summary>
    /// ICC_PMR_EL1, the most frequent write (a kernel with priority masking writes it at each interrupt disable and enable). Only its own
    /// vCPU writes it, and no lock is taken unless an output changes. See <see cref="UpdateOutputs"/> for the other half of the protocol.
    /// </summary>
    private void WritePriorityMask(GicVcpu c, uint mask)
    {
        if (c.Pmr == mask)
        {
            return;
        }

        Volatile.Write(ref c.Pmr, mask);
        Interlocked.MemoryBarrier();

        // Outputs before Best: outputs are stored after the best interrupt they came from, so Best is at least as new.
        var outputs = Volatile.Read(ref c.Outputs);
        if (c.WantedOutputs(Volatile.Read(ref c.Best), mask) != outputs)
        {
            lock (gate)
            {
                UpdateOutputs(c);
            }
        }
    }

    private void WriteGroupEnable(GicVcpu c, int group, uint enable)
    {
        c.GroupEnables = (c.GroupEnables & ~(1u << group)) | (enable << group);
        RetargetOneOfN();
        Refresh(c);
    }

    private static void DerivedChanged(GicVcpu c)
    {
        c.UpdateDerived();
        UpdateOutputs(c);
    }

    /// <summary>Acknowledges the highest priority pending interrupt if it is signalled and of this group: it becomes active, its priority runs.</summary>
    private uint Acknowledge(GicVcpu c, uint group)
    {
        var best = c.Best;
        var signal = group == 0 ? GicVcpu.FiqOutput : GicVcpu.IrqOutput;
        if (c.WantedOutputs(best, c.Pmr) == signal && (best & BestIntidMask) >= Lpi.First)
        {
            return AcknowledgeLpi(c, best);
        }

        if (c.WantedOutputs(best, c.Pmr) != signal || FindBank(c, best & BestIntidMask) is not { } bank)
        {
            return Icc.SpuriousIntid;
        }

        var intid = best & BestIntidMask;
        var mask = 1u << (int)(intid & 31);
        bank.Active |= mask;
        bank.Pending &= ~mask;
        c.RaisePriority(group, best >> 24);
        BankChanged(bank, mask);
        return intid;
    }

    /// <summary>An LPI has no active state: acknowledging takes its pending state away, and its priority runs.</summary>
    private uint AcknowledgeLpi(GicVcpu c, uint best)
    {
        var intid = best & BestIntidMask;
        c.Lpis!.Clear(intid);
        c.RaisePriority(1, best >> 24);
        Refresh(c);
        return intid;
    }

    /// <summary>The highest priority pending interrupt if it is of this group, whatever the mask and the running priority.</summary>
    private static uint HighestPending(GicVcpu c, uint group) =>
        c.Best == GicVcpu.NoInterrupt || (c.Best >> 16 & 1) != group ? Icc.SpuriousIntid : c.Best & BestIntidMask;

    /// <summary>Priority drop and, without EOImode, deactivation. What does not match the running group is ignored (UNPREDICTABLE in IHI 0069).</summary>
    private void EndOfInterrupt(GicVcpu c, uint group, uint intid)
    {
        if (its is not null && intid >= Lpi.First)
        {
            // Priority drop is all there is to it: an LPI is never active.
            if (intid < Lpi.End && group == 1 && c.TryDropPriority(1))
            {
                UpdateOutputs(c);
            }

            return;
        }

        if (intid is >= Icc.FirstSpecialIntid and <= Icc.SpuriousIntid || FindBank(c, intid) is not { } bank || !c.TryDropPriority(group))
        {
            return;
        }

        var bit = (int)(intid & 31);
        if ((c.Control & Icc.CTLR_EOImode) == 0 && (bank.Group >> bit & 1) == group)
        {
            Deactivate(bank, 1u << bit);
        }

        UpdateOutputs(c);
    }

    private void Deactivate(InterruptBank bank, uint mask)
    {
        if ((bank.Active & mask) != 0)
        {
            bank.Active &= ~mask;
            BankChanged(bank, mask);
        }
    }

    /// <summary>ICC_SGI0R, SGI1R and ASGI1R: makes an SGI pending on the vCPUs named. SGI1R reaches targets that hold the SGI in either group.</summary>
    private void SendSgi(GicVcpu sender, ulong value, bool groupZeroOnly)
    {
        var mask = 1u << (int)(value >> Icc.SGIR_IntidShift & 15);
        if ((value & Icc.SGIR_IRM) != 0)
        {
            foreach (var c in vcpus)
            {
                if (c != sender)
                {
                    MakeSgiPending(c, mask, groupZeroOnly);
                }
            }

            return;
        }

        // SGIxR: Aff3 [55:48], RS [47:44], Aff2 [39:32], Aff1 [23:16]; MPIDR: Aff3 [39:32], Aff2 [23:16], Aff1 [15:8].
        var cluster = (value >> 48 & 0xFF) << 32 | (value >> 32 & 0xFF) << 16 | (value >> 16 & 0xFF) << 8 | (value >> Icc.SGIR_RangeShift & 15) * 16;
        for (var list = (uint)value & 0xFFFF; list != 0; list &= list - 1)
        {
            if (byAffinity.TryGetValue(cluster + (uint)BitOperations.TrailingZeroCount(list), out var c))
            {
                MakeSgiPending(c, mask, groupZeroOnly);
            }
        }
    }

    private void MakeSgiPending(GicVcpu c, uint mask, bool groupZeroOnly)
    {
        var bank = c.Bank;
        if ((bank.Pending & mask) == 0 && (!groupZeroOnly || (bank.Group & mask) == 0))
        {
            bank.Pending |= mask;
            BankChanged(bank, mask);
        }
    }
}
