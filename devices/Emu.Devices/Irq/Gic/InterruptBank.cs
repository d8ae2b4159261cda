// Thirty-two interrupts of the GIC: their state as bit masks, and the registers that show it (one bank of SPIs, or the SGIs and PPIs of a vCPU).
namespace Emu.Devices.Irq;

/// <summary>State of INTIDs 32*index to 32*index+31. Every field but <see cref="Level"/> (read without it) is guarded by the GIC's lock.</summary>
/// <param name="index">Number of the bank; 0 for the SGIs and PPIs of a vCPU.</param>
/// <param name="owner">The vCPU whose SGIs and PPIs these are, or null for SPIs.</param>
internal sealed class InterruptBank(int index, GicVcpu? owner)
{
    private const uint SgiBits = 0xFFFF;

    /// <summary>IGROUPR: 1 is Group 1.</summary>
    public uint Group;

    /// <summary>ISENABLER.</summary>
    public uint Enabled;

    /// <summary>Latched pending: an edge, an SGI, or a write to ISPENDR. Cleared by acknowledging.</summary>
    public uint Pending;

    /// <summary>ISACTIVER.</summary>
    public uint Active;

    /// <summary>The level of the input wires; each bit changes only under the lock.</summary>
    public uint Level;

    /// <summary>ICFGR: 1 is edge-triggered.</summary>
    public uint Edge;

    /// <summary>IPRIORITYR, implemented bits only.</summary>
    public readonly byte[] Priority = new byte[32];

    /// <summary>Number of the bank.</summary>
    public int Index => index;

    /// <summary>The vCPU these belong to, or null for SPIs.</summary>
    public GicVcpu? Owner => owner;

    /// <summary>The pending state as software sees it: latched, or a level-sensitive wire that is high.</summary>
    public uint EffectivePending => Pending | (Level & ~Edge);

    /// <summary>Pending, enabled and not active: what may be signalled (IHI 0069, Interrupt states).</summary>
    public uint Deliverable => EffectivePending & Enabled & ~Active;

    /// <summary>Power-on state; wires keep their level.</summary>
    public void Reset()
    {
        Group = Enabled = Pending = Active = 0;
        Edge = owner != null ? SgiBits : 0;
        Array.Clear(Priority);
    }

    /// <summary>Moves wires; a rising one latches an edge-triggered interrupt.</summary>
    public void SetLevel(uint mask, bool level)
    {
        if (level)
        {
            Level |= mask;
            Pending |= mask & Edge;
        }
        else
        {
            Level &= ~mask;
        }
    }

    /// <summary>Reads one of the bit registers.</summary>
    /// <param name="family">A <see cref="BankRegister"/> offset.</param>
    public uint Read(uint family) => family switch
    {
        BankRegister.IGROUPR => Group,
        BankRegister.ISENABLER or BankRegister.ICENABLER => Enabled,
        BankRegister.ISPENDR or BankRegister.ICPENDR => EffectivePending,
        BankRegister.ISACTIVER or BankRegister.ICACTIVER => Active,
        _ => 0,
    };

    /// <summary>Writes one of the bit registers and returns the interrupts whose state changed.</summary>
    /// <param name="family">A <see cref="BankRegister"/> offset.</param>
    /// <param name="value">The word written.</param>
    public uint Write(uint family, uint value) => family switch
    {
        BankRegister.IGROUPR => Assign(ref Group, value),
        BankRegister.ISENABLER => Assign(ref Enabled, Enabled | value),
        BankRegister.ICENABLER => Assign(ref Enabled, Enabled & ~value),
        BankRegister.ISPENDR => Assign(ref Pending, Pending | value),
        BankRegister.ICPENDR => Assign(ref Pending, Pending & ~value),
        BankRegister.ISACTIVER => Assign(ref Active, Active | value),
        BankRegister.ICACTIVER => Assign(ref Active, Active & ~value),
        _ => 0,
    };

    /// <summary>Reads ICFGR of 16 interrupts.</summary>
    /// <param name="half">0 for the lower 16, 1 for the upper.</param>
    public uint ReadConfiguration(int half)
    {
        uint value = 0;
        for (var i = 0; i < 16; i++)
        {
            value |= ((Edge >> ((half * 16) + i)) & 1) << ((i * 2) + 1);
        }

        return value;
    }

    /// <summary>Writes ICFGR of 16 interrupts and returns the ones changed. SGIs are always edge-triggered.</summary>
    public uint WriteConfiguration(int half, uint value)
    {
        uint edge = 0;
        for (var i = 0; i < 16; i++)
        {
            edge |= ((value >> ((i * 2) + 1)) & 1) << ((half * 16) + i);
        }

        var writable = half == 0 ? 0x0000_FFFFu : 0xFFFF_0000u;
        if (owner != null)
        {
            writable &= ~SgiBits;
        }

        return Assign(ref Edge, (Edge & ~writable) | (edge & writable));
    }

    /// <summary>Reads bytes of IPRIORITYR.</summary>
    /// <param name="first">First interrupt of the bank, 0 to 31.</param>
    /// <param name="count">1 or 4 interrupts.</param>
    public uint ReadPriority(int first, int count)
    {
        uint value = 0;
        for (var i = 0; i < count; i++)
        {
            value |= (uint)Priority[first + i] << (8 * i);
        }

        return value;
    }

    /// <summary>Writes bytes of IPRIORITYR and returns the interrupts changed.</summary>
    public uint WritePriority(int first, int count, uint value)
    {
        uint changed = 0;
        for (var i = 0; i < count; i++)
        {
            var priority = (byte)((value >> (8 * i)) & Icc.PriorityMask);
            if (Priority[first + i] != priority)
            {
                Priority[first + i] = priority;
                changed |= 1u << (first + i);
            }
        }

        return changed;
    }

    private static uint Assign(ref uint field, uint value)
    {
        var changed = field ^ value;
        field = value;
        return changed;
    }
}
